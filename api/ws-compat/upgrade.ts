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
import type { Compression } from "../websocket/deflate.ts";
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

/** The connection is the engine's. */
function begin(acceptance: Acceptance, adopted: Adopted): void {
  const engine = defaultEngine();
  const ws = acceptance.make();
  const connection = connectionOf(ws);
  const { compression, maxMessage, protocol, request } = acceptance;
  const link = new CompatLink(engine, adopted.address, connection, { maxMessage, compression, server: true });
  const lines = answerLines(request, protocol);
  const shown = [...lines];
  acceptance.headers(lines);
  const fields = new FieldText();
  for (const line of lines) if (!shown.includes(line)) addLine(fields, line);
  const { handle } = adopted;
  const result = engine.wsAccept(link, handle, headOf(request), {
    protocol,
    fields: fields.text,
    fieldCount: fields.count,
    deflate: compression?.parameters ?? 0,
  });
  if (result < 0) {
    refuseAdopted(engine, adopted, result);
    return;
  }
  engine.setWsOptions(handle, acceptance.autoPong ? 0 : WsOption.NO_AUTO_PONG, maxMessage, acceptance.maxFragments);
  connection.socket = acceptance.socket;
  /* By then the answer has left, and no message has been told. */
  atEndOfTurn(() => {
    if (ws.readyState !== ws.CLOSED) acceptance.open(ws);
  });
  link.connected();
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

/** The head as it came: node:http keeps its fields, not its bytes. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Uint8Array {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

/** The engine answers nothing: we do, and end it. */
function refuseAdopted(engine: Engine, adopted: Adopted, result: number): void {
  const code = errorCode(result);
  const busy = code === "ERR_LIMIT" || code === "ERR_BACKPRESSURE" || code === "ERR_MEMORY";
  engine.send(adopted.handle, refusalText(busy ? 503 : code === "ERR_WS_HANDSHAKE" ? 400 : 500));
  engine.close(adopted);
  if (busy || code === "ERR_WS_HANDSHAKE") return;
  throw new TwinwireError(code, { step: "accept", address: adopted.address });
}
