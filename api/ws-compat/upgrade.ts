/** How a connection that node:http has let go of becomes a WebSocket of the engine. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { Kind, NONE, WsOption } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { afterMicrotasks } from "../../wasm/timing.ts";
import { FieldText } from "../http/head.ts";
import type { Compression } from "../internal/deflate.ts";
import { Connection } from "../websocket/connection.ts";
import { facadeOf, type WebSocket } from "./websocket.ts";

/** RFC 6455 1.3 */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** What a client is accepted with. */
export interface Acceptance {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Uint8Array;
  /** The subprotocol that was chosen, or `""`. */
  readonly protocol: string;
  readonly compression: Compression | undefined;
  readonly maxMessage: number;
  readonly maxFragments: number;
  readonly autoPong: boolean;
  /** Makes the WebSocket, which is not open yet. */
  make(): WebSocket;
  /** Is shown the lines of the answer, and may add some. */
  headers(lines: string[]): void;
  /** It is open. */
  open(ws: WebSocket): void;
  /** It failed for a reason that the client has not caused. The client received 500. */
  failed(error: Error): void;
}

/** Hands a connection whose request has been judged to the engine, which answers it. In a later loop iteration: `open`. */
export function accept(acceptance: Acceptance): void {
  const { socket, request } = acceptance;
  const address = request.socket.remoteAddress ?? "";
  const adopted = new Adopted(
    `${address}:${request.socket.remotePort ?? ""}`,
    (it) => begin(acceptance, it),
    () => {
      if (!socket.destroyed) refuse(socket, 503);
    },
  );
  adopt(adopted, socket, acceptance.head);
}

/** The engine has taken the connection over. */
function begin(acceptance: Acceptance, adopted: Adopted): void {
  const engine = defaultEngine();
  let ws: WebSocket;
  let fields: FieldText;
  try {
    ws = acceptance.make();
    fields = furtherFields(acceptance);
  } catch (error) {
    refuseAdopted(engine, adopted, 500);
    acceptance.failed(error as Error);
    return;
  }
  const facade = facadeOf(ws);
  const { compression, maxMessage, protocol, request } = acceptance;
  const connection = new Connection(engine, adopted.address, facade.session, { maxMessage, compression, server: true });
  const { handle } = adopted;
  const result = engine.ws.accept(connection, handle, headOf(request, protocol), {
    protocol,
    fields: fields.text,
    fieldCount: fields.count,
    deflate: compression?.parameters ?? 0,
  });
  if (result < 0) {
    const code = errorCode(result);
    const busy = code === "ERR_LIMIT" || code === "ERR_BACKPRESSURE" || code === "ERR_MEMORY";
    refuseAdopted(engine, adopted, busy ? 503 : code === "ERR_WS_HANDSHAKE" ? 400 : 500);
    if (busy || code === "ERR_WS_HANDSHAKE") return;
    acceptance.failed(new TwinwireError(code, { step: "accept", address: adopted.address }));
    return;
  }
  engine.ws.setOptions(handle, acceptance.autoPong ? 0 : WsOption.NO_AUTO_PONG, maxMessage, acceptance.maxFragments);
  facade.adopted(acceptance.socket);
  /* By then the response has left, and no message has been delivered. */
  afterMicrotasks(() => {
    if (ws.readyState !== ws.CLOSED) acceptance.open(ws);
  });
  connection.limitReading();
  connection.connected();
}

/** The header lines that listeners add. */
function furtherFields({ request, protocol, headers }: Acceptance): FieldText {
  const lines = answerLines(request, protocol);
  const shown = [...lines];
  headers(lines);
  const fields = new FieldText();
  for (const line of lines) if (!shown.includes(line)) addLine(fields, line);
  return fields;
}

/** The lines that the engine writes, as `headers` listeners of `ws` see them. */
function answerLines({ headers }: IncomingMessage, protocol: string): string[] {
  const accepted = createHash("sha1").update(`${headers["sec-websocket-key"]}${GUID}`).digest("base64");
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  lines.push(`Sec-WebSocket-Accept: ${accepted}`);
  if (protocol !== "") lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  return lines;
}

function addLine(fields: FieldText, line: string): void {
  const colon = line.indexOf(":");
  if (colon > 0) fields.add(line.slice(0, colon), line.slice(colon + 1).trim());
}

/**
 * The head as it came: node:http keeps its fields, not its bytes. The engine lets a server choose only what was offered;
 * `ws` leaves that to the client, so the choice is added to the offers.
 */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage, protocol: string): Uint8Array {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  if (protocol !== "") text += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** Responds on a connection that the engine has, and ends it. */
function refuseAdopted(engine: Engine, adopted: Adopted, status: number): void {
  engine.streams.send(adopted.handle, refusalText(status));
  engine.close(adopted);
}

/** The head and the body of an answer that refuses a handshake. */
function refusalText(status: number, message = "", headers: Readonly<Record<string, unknown>> = {}): string {
  const reason = STATUS_CODES[status] ?? "";
  const body = message === "" ? reason : message;
  const fields = Object.entries({
    Connection: "close",
    "Content-Type": "text/html",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
  });
  const lines = fields.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${String(one).replace(/[\r\n]/g, " ")}\r\n`),
  );
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n${body}`;
}

/** Refuses a handshake, and ends its connection. */
export function refuse(
  socket: Duplex,
  status: number,
  message?: string,
  headers?: Readonly<Record<string, unknown>>,
): void {
  socket.once("finish", () => socket.destroy());
  socket.end(refusalText(status, message, headers));
}

/** A stream between being taken over and being a WebSocket. */
class Adopted extends Endpoint {
  readonly #ready: (adopted: Adopted) => void;
  readonly refused: () => void;

  /** `ready`: it is the engine's; `refused`: the engine has no place for it. */
  constructor(address: string, ready: (adopted: Adopted) => void, refused: () => void) {
    super(Kind.TCP, address);
    this.#ready = ready;
    this.refused = refused;
  }

  override connected(): void {
    this.#ready(this);
  }
}

/** Streams that are on their way, in their order. */
class Adoptions extends Endpoint {
  readonly #waiting: Adopted[] = [];

  constructor() {
    super(Kind.LISTENER, "node:http");
  }

  override accepted(): Endpoint | undefined {
    return this.#waiting.shift();
  }

  add(engine: Engine, adopted: Adopted, socket: unknown, head: Uint8Array): number {
    const result = engine.listeners.adoptStream(this, socket, head, () => {
      this.#waiting.splice(this.#waiting.indexOf(adopted), 1);
      adopted.refused();
    });
    if (result >= 0) this.#waiting.push(adopted);
    return result;
  }
}

let adoptions: Adoptions | undefined;

/**
 * Has the engine take a stream over, in a later loop iteration.
 *
 * @throws TwinwireError ERR_UNSUPPORTED where the runtime's streams can't be taken over; ERR_ARGUMENT for what is no
 * stream of node:net or node:tls, ERR_STATE for one that has ended; ERR_LIMIT.
 */
function adopt(adopted: Adopted, socket: unknown, head: Uint8Array): void {
  const engine = defaultEngine();
  if (adoptions === undefined || adoptions.handle === NONE || adoptions.released) {
    const listener = new Adoptions();
    const result = engine.listeners.listenForAdopted(listener);
    if (result < 0) throw adoptionFault(result);
    engine.keep(listener, false);
    adoptions = listener;
  }
  const result = adoptions.add(engine, adopted, socket, head);
  if (result < 0) throw adoptionFault(result);
}

/** @throws TwinwireError as `adopt`, where no stream could ever be taken over. */
export function checkAdoption(): void {
  if (defaultEngine().listeners.canAdopt) return;
  throw new TwinwireError("ERR_UNSUPPORTED", {
    step: "accept",
    reason: "this runtime's sockets can't be taken over from node:http: WebSocketServer of twinwire has its own",
  });
}

function adoptionFault(result: number): TwinwireError {
  return new TwinwireError(errorCode(result), { step: "accept", reason: "the connection can't be taken over" });
}
