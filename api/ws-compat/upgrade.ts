import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WsOption } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { FieldText } from "../http/fields.ts";
import type { Compression } from "../internal/deflate.ts";
import { Adopted, adopt } from "./adoption.ts";
import { CompatLink } from "./link.ts";
import { refusalText, refuse } from "./refuse.ts";
import { connectionOf, type WebSocket } from "./websocket.ts";

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
  /** It failed for a reason that the client has not caused. The client got 500. */
  failed(error: Error): void;
}

/** Hands a connection whose request has been judged to the engine, which answers it. On a later turn: `open`. */
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
  const connection = connectionOf(ws);
  const { compression, maxMessage, protocol, request } = acceptance;
  const link = new CompatLink(engine, adopted.address, connection, { maxMessage, compression, server: true });
  const { handle } = adopted;
  const result = engine.wsAccept(link, handle, headOf(request, protocol), {
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
  engine.setWsOptions(handle, acceptance.autoPong ? 0 : WsOption.NO_AUTO_PONG, maxMessage, acceptance.maxFragments);
  connection.socket = acceptance.socket;
  /* By then the response has left, and no message has been delivered. */
  atEndOfTurn(() => {
    if (ws.readyState !== ws.CLOSED) acceptance.open(ws);
  });
  link.limitReading();
  link.connected();
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
  engine.send(adopted.handle, refusalText(status));
  engine.close(adopted);
}
