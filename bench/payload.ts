import type { Content } from "./cases.ts";

/** What one message is to the application. */
export type Message = string | Uint8Array;

/**
 * How many different messages are sent, one after the other. The echo of each is known, so bytes of an earlier message that are handed
 * out again are found out.
 */
export const VARIETY = 64;

const ASCII = "The quick brown fox jumps over the lazy dog; 0123456789 {}[]\"':,";
const MIXED = "Grüße, Ελλάδα, мир, 世界, ¡olé!, 🚀, ";

/** The messages of a case, `VARIETY` of them and each of exactly `size` bytes, at least 4. */
export function makeMessages(content: Content, size: number): Message[] {
  return Array.from({ length: VARIETY }, (_, index) => makeMessage(content, size, index));
}

function makeMessage(content: Content, size: number, index: number): Message {
  if (content === "binary") return Uint8Array.from({ length: size }, (_, at) => (index * 31 + at * 7) & 0xff);
  const head = index.toString(36).padStart(4, "0");
  return head + fill(content === "text" ? ASCII : MIXED, size - head.length);
}

/** As many characters of `pattern`, over and over, as make `size` bytes; the last ones are dots if need be. */
function fill(pattern: string, size: number): string {
  const characters = [...pattern];
  let text = "";
  let left = size;
  for (let at = 0; left > 0; at++) {
    const next = characters[at % characters.length] as string;
    const bytes = Buffer.byteLength(next);
    if (bytes > left) return text + ".".repeat(left);
    text += next;
    left -= bytes;
  }
  return text;
}

/** Whether what came is what was sent. */
export function sameMessage(got: Message, sent: Message): boolean {
  if (typeof got === "string" || typeof sent === "string") return got === sent;
  return Buffer.compare(got, sent) === 0;
}

/** A client's frame, RFC 6455 5.2: whole, masked. */
export function clientFrame(message: Message): Buffer {
  const payload = Buffer.from(message as string);
  const key = Buffer.from([0x9d, 0x27, 0xe4, 0x5b]);
  const masked = payload.map((byte, at) => byte ^ (key[at % 4] as number));
  return Buffer.concat([frameHeader(message, payload.length, 0x80), key, masked]);
}

/** A server's frame: whole, not masked. */
export function serverFrame(message: Message): Buffer {
  const payload = Buffer.from(message as string);
  return Buffer.concat([frameHeader(message, payload.length, 0), payload]);
}

function frameHeader(message: Message, size: number, mask: number): Buffer {
  const first = typeof message === "string" ? 0x81 : 0x82;
  if (size < 126) return Buffer.from([first, mask | size]);
  if (size > 0xffff) throw new Error("frames of more than 65535 bytes are not needed here");
  return Buffer.from([first, mask | 126, size >> 8, size & 0xff]);
}
