import { joinBytes } from "./bytes.ts";
import type { Log } from "./log.ts";

const MAX_CONTROL = 125;
const NONE = new Uint8Array(0);
const opcodes = new Map([
  [0, "continuation"],
  [1, "text"],
  [2, "binary"],
  [8, "close"],
  [9, "ping"],
  [10, "pong"],
]);

/**
 * The bytes of a WebSocket, read as its peer would: its request, or a server's answer, line by line, then frames,
 * unmasked. What breaks RFC 6455 4.2, 5.1 to 5.3 is a fault.
 */
export class ClientStream {
  /** The request is not logged. */
  quiet = false;
  /** Sec-WebSocket-Key of the newest request. */
  key = "";
  /** Frames so far. */
  frames = 0;
  /** The request is whole, and frames follow. */
  upgraded = false;
  /** It answers a handshake instead of asking for one. */
  readonly server: boolean;
  readonly #name: string;
  readonly #log: Log;
  readonly #fault: (what: string) => void;
  #bytes = NONE;
  #mask = "";

  constructor(name: string, log: Log, fault: (what: string) => void, server = false) {
    this.server = server;
    this.#name = name;
    this.#log = log;
    this.#fault = fault;
  }

  /** A new connection of the same client. */
  restart(): void {
    this.upgraded = false;
    this.#bytes = NONE;
    this.#mask = "";
  }

  /** More bytes came. They are copied. */
  add(bytes: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? new Uint8Array(bytes) : joinBytes([this.#bytes, bytes]);
    while (!this.upgraded && this.#readRequest());
    while (this.upgraded && this.#readFrame());
  }

  #rest(from: number): Uint8Array<ArrayBuffer> {
    return from === this.#bytes.length ? NONE : this.#bytes.slice(from);
  }

  /** A head. True if it asks a proxy (RFC 9110 9.3.6), so that another one follows. */
  #readRequest(): boolean {
    const text = new TextDecoder("latin1").decode(this.#bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const lines = new TextDecoder().decode(this.#bytes.subarray(0, end)).split("\r\n");
    this.#bytes = this.#rest(end + 4);
    this.upgraded = !text.startsWith("CONNECT ");
    if (lines.some((line) => /[\r\n]/.test(line))) this.#fault("a line of the request has no CRLF");
    lines.forEach((line, at) => {
      if (line.startsWith("Sec-WebSocket-Key: ")) this.#takeKey(line.slice(19));
      const word = at > 0 ? "header" : this.server ? "answer" : "request";
      if (!this.quiet) this.#log.line(`${word} ${this.#name} ${line}`);
    });
    return !this.upgraded;
  }

  #takeKey(key: string): void {
    if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) this.#fault("the key is not the base64 of 16 bytes");
    if (key === this.key) this.#fault("a key is used twice"); /* RFC 6455 4.1 item 7 */
    this.key = key;
  }

  /** One frame from the front; false if it is not all there. */
  #readFrame(): boolean {
    if (this.#bytes.length < 2) return false;
    const [first, second] = [this.#bytes[0] as number, this.#bytes[1] as number];
    const opcode = first & 15;
    const compressed = (first & 0x40) !== 0; /* RFC 7692 6 */
    if ((first & 0x30) !== 0 || (compressed && opcode !== 1 && opcode !== 2)) this.#fault("a frame has a reserved bit");
    const masked = (second & 0x80) !== 0;
    if (masked === this.server) this.#fault(masked ? "a server's frame is masked" : "a client's frame is not masked");
    const form = second & 127;
    const header = (form === 127 ? 10 : form === 126 ? 4 : 2) + (masked ? 4 : 0);
    if (this.#bytes.length < header) return false;
    const view = new DataView(this.#bytes.buffer);
    const size = form === 127 ? Number(view.getBigUint64(2)) : form === 126 ? view.getUint16(2) : form;
    if (size < (form === 127 ? 65536 : form === 126 ? 126 : 0)) this.#fault("a length is not in its shortest form");
    if (this.#bytes.length - header < size) return false;
    const payload = this.#bytes.slice(header, header + size);
    if (masked) this.#unmask(this.#bytes.slice(header - 4, header), payload);
    this.#bytes = this.#rest(header + size);
    this.#logFrame(first, payload);
    return true;
  }

  #unmask(mask: Uint8Array, payload: Uint8Array): void {
    if (this.#mask === mask.join()) this.#fault("a masking key is used twice"); /* RFC 6455 5.3 */
    this.frames++;
    this.#mask = mask.join();
    for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] as number) ^ (mask[at & 3] as number);
  }

  #logFrame(first: number, payload: Uint8Array): void {
    const opcode = first & 15;
    const final = (first & 0x80) !== 0;
    const kind = opcodes.get(opcode);
    if (kind === undefined) this.#fault("a frame has a reserved opcode");
    if (opcode >= 8 && (!final || payload.length > MAX_CONTROL)) {
      this.#fault("a control frame is fragmented or too long");
    }
    const compressed = (first & 0x40) !== 0 ? " compressed" : "";
    const prefix = `frame ${this.#name} ${kind}${compressed}${final ? "" : " more"}`;
    const [high, low] = payload;
    if (opcode !== 8) this.#log.bytes(prefix, payload);
    else if (high === undefined) this.#log.line(prefix);
    else if (low === undefined) this.#fault("a close frame has a payload of one byte");
    else this.#log.bytes(`${prefix} ${(high << 8) | low}`, payload.subarray(2));
  }
}
