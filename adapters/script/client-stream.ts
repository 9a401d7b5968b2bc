import { joinBytes } from "./bytes.ts";
import type { Log } from "./log.ts";

const MAX_CONTROL = 125;
const opcodes = new Map([
  [0, "continuation"],
  [1, "text"],
  [2, "binary"],
  [8, "close"],
  [9, "ping"],
  [10, "pong"],
]);

/**
 * The bytes of a WebSocket client, read as its server would: the request line by line, then frames, unmasked. What
 * breaks RFC 6455 4.2.1, 5.2 or 5.3 is a fault.
 */
export class ClientStream {
  /** The request is not logged. */
  quiet = false;
  /** Sec-WebSocket-Key of the newest request. */
  key = "";
  /** The request is whole. */
  upgraded = false;
  readonly #name: string;
  readonly #log: Log;
  readonly #fault: (what: string) => void;
  #bytes = new Uint8Array(0);
  #mask = "";

  constructor(name: string, log: Log, fault: (what: string) => void) {
    this.#name = name;
    this.#log = log;
    this.#fault = fault;
  }

  /** A new connection of the same client. */
  restart(): void {
    this.upgraded = false;
    this.#bytes = new Uint8Array(0);
    this.#mask = "";
  }

  /** More bytes came. They are copied. */
  add(bytes: Uint8Array): void {
    this.#bytes = joinBytes([this.#bytes, bytes]) as Uint8Array<ArrayBuffer>;
    if (!this.upgraded) this.#readRequest();
    while (this.upgraded && this.#readFrame());
  }

  #readRequest(): void {
    const text = new TextDecoder("latin1").decode(this.#bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const lines = new TextDecoder().decode(this.#bytes.subarray(0, end)).split("\r\n");
    this.#bytes = this.#bytes.slice(end + 4);
    this.upgraded = true;
    if (lines.some((line) => /[\r\n]/.test(line))) this.#fault("a line of the request has no CRLF");
    lines.forEach((line, at) => {
      if (line.startsWith("Sec-WebSocket-Key: ")) this.#takeKey(line.slice(19));
      if (!this.quiet) this.#log.line(`${at === 0 ? "request" : "header"} ${this.#name} ${line}`);
    });
  }

  #takeKey(key: string): void {
    if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) this.#fault("the key is not the base64 of 16 bytes");
    if (key === this.key) this.#fault("a key is used twice"); /* RFC 6455 4.1 item 7 */
    this.key = key;
  }

  /** One frame from the front; false if it is not all there. */
  #readFrame(): boolean {
    const [first = 0, second = 0] = this.#bytes;
    if (this.#bytes.length < 2) return false;
    if ((first & 0x70) !== 0) this.#fault("a frame has a reserved bit");
    if ((second & 0x80) === 0) this.#fault("a frame is not masked");
    const form = second & 127;
    const header = form === 127 ? 14 : form === 126 ? 8 : 6;
    if (this.#bytes.length < header) return false;
    const view = new DataView(this.#bytes.buffer);
    const size = form === 127 ? Number(view.getBigUint64(2)) : form === 126 ? view.getUint16(2) : form;
    if (size < (form === 127 ? 65536 : form === 126 ? 126 : 0)) this.#fault("a length is not in its shortest form");
    if (this.#bytes.length - header < size) return false;
    const mask = this.#bytes.slice(header - 4, header);
    if (this.#mask === mask.join()) this.#fault("a masking key is used twice"); /* RFC 6455 5.3 */
    this.#mask = mask.join();
    const payload = this.#bytes.slice(header, header + size);
    for (let at = 0; at < size; at++) payload[at] = (payload[at] as number) ^ (mask[at & 3] as number);
    this.#bytes = this.#bytes.slice(header + size);
    this.#logFrame(first, payload);
    return true;
  }

  #logFrame(first: number, payload: Uint8Array): void {
    const opcode = first & 15;
    const final = (first & 0x80) !== 0;
    const kind = opcodes.get(opcode);
    if (kind === undefined) this.#fault("a frame has a reserved opcode");
    if (opcode >= 8 && (!final || payload.length > MAX_CONTROL)) {
      this.#fault("a control frame is fragmented or too long");
    }
    const prefix = `frame ${this.#name} ${kind}${final ? "" : " more"}`;
    const [high, low] = payload;
    if (opcode !== 8) this.#log.bytes(prefix, payload);
    else if (high === undefined) this.#log.line(prefix);
    else if (low === undefined) this.#fault("a close frame has a payload of one byte");
    else this.#log.bytes(`${prefix} ${(high << 8) | low}`, payload.subarray(2));
  }
}
