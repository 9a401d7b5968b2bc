/**
 * Text and bytes: what the runtime's `Buffer` does best where there is one (Node, Bun, Deno), and the web's own
 * functions elsewhere. All of it works on any byte array; only memory.ts applies it to linear memory.
 */
import type { ReceivedBytes } from "../adapters/port.ts";

/** The methods of `Buffer` that its type declarations leave out. */
interface RuntimeBuffer extends Uint8Array {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, start: number, room: number): number;
  latin1Write(text: string, start: number, room: number): number;
  copy(target: Uint8Array, targetStart: number, start: number, end: number): number;
}

interface BufferClass {
  from<B extends ArrayBufferLike>(bytes: B, offset: number, size: number): Uint8Array<B>;
  from(text: string, encoding: "base64"): Uint8Array<ArrayBuffer>;
  allocUnsafe(size: number): ReceivedBytes;
  allocUnsafeSlow(size: number): ReceivedBytes;
  byteLength(text: string): number;
}

/** What is used of Node's `process` and of node:buffer. */
interface NodeProcess {
  readonly versions?: { readonly node?: string; readonly bun?: string; readonly deno?: string };
  getBuiltinModule?(name: "node:buffer"): { readonly transcode?: Transcode } | undefined;
}

type Transcode = (bytes: Uint8Array, from: "utf8", to: "ucs2") => Uint8Array & { ucs2Slice(): string };

const BufferClass = (globalThis as { Buffer?: BufferClass }).Buffer;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** From here on, `transcode` beats the decoder of V8 before Node 24, up to five times. */
const LONG = 1024;

/** The first version of Node whose `utf8Slice` uses SIMD. */
const FAST_NODE = 24;

const transcode = findTranscode((globalThis as { process?: NodeProcess }).process);

function findTranscode(process: NodeProcess | undefined): Transcode | undefined {
  const { node, bun, deno } = process?.versions ?? {};
  if (node === undefined || bun !== undefined || deno !== undefined || Number.parseInt(node, 10) >= FAST_NODE) return;
  return process?.getBuiltinModule?.("node:buffer")?.transcode;
}

/** Bytes from which on memory is worth freeing at once. Those of fewer may share a buffer with others. */
const FREEABLE = 16_384;

/** From ES2024 on: Node 22, Bun, Deno. */
interface FreeableBuffer {
  transfer?(size: number): ArrayBuffer;
}

/** Below this, a loop over the characters beats a call into the runtime. */
const SHORT = 20;

const ONE_BYTE = /^[\0-\xff]*$/;

/** A view of all of `buffer`: a `Buffer` where the runtime has one. */
export function bytesOver<B extends ArrayBufferLike>(
  buffer: B,
  offset = 0,
  size = buffer.byteLength - offset,
): Uint8Array<B> {
  return BufferClass === undefined ? new Uint8Array(buffer, offset, size) : BufferClass.from(buffer, offset, size);
}

/** New bytes whose content is not defined. From `FREEABLE` on, they have a buffer of their own. */
export function newBytes(size: number): ReceivedBytes {
  if (BufferClass === undefined) return new Uint8Array(size);
  return size < FREEABLE ? BufferClass.allocUnsafe(size) : BufferClass.allocUnsafeSlow(size);
}

/**
 * Gives the memory of bytes back now instead of when they are collected, where the runtime can and it pays. To be called by
 * their only owner: the bytes, and every view of their buffer, are empty from then on.
 *
 * What the allocator of Bun holds free for some milliseconds it returns to the system, which has to supply it again page by
 * page. A large message that waits to be collected together with others costs several times as much for that as for all else.
 */
export function freeBytes(bytes: ReceivedBytes): void {
  if (bytes.length >= FREEABLE) (bytes.buffer as FreeableBuffer).transfer?.(0);
}

/** A copy of a range. The caller's to keep. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): ReceivedBytes {
  const copy = newBytes(end - start);
  if (BufferClass === undefined) copy.set(bytes.subarray(start, end));
  else (bytes as RuntimeBuffer).copy(copy, 0, start, end);
  return copy;
}

/** Text of bytes that are known to be below 128. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  if (BufferClass !== undefined) return (bytes as RuntimeBuffer).latin1Slice(start, end);
  return decoder.decode(bytes.subarray(start, end));
}

/** Text of UTF-8; what is not UTF-8 becomes U+FFFD. A byte order mark stays. */
export function utf8Text(bytes: Uint8Array, start: number, end: number): string {
  if (BufferClass !== undefined) return (bytes as RuntimeBuffer).utf8Slice(start, end);
  return decoder.decode(bytes.subarray(start, end));
}

/** As `utf8Text`, for bytes that are known to be UTF-8. */
export function validUtf8Text(bytes: Uint8Array, start: number, end: number): string {
  if (transcode === undefined || end - start < LONG) return utf8Text(bytes, start, end);
  try {
    return transcode(bytes.subarray(start, end), "utf8", "ucs2").ucs2Slice();
  } catch {
    return utf8Text(bytes, start, end); /* it has no memory for twice the bytes, or they are not UTF-8 after all */
  }
}

/** Text of bytes that are a character each, as Fetch reads fields. */
export function latin1Text(bytes: Uint8Array, start: number, end: number): string {
  if (BufferClass !== undefined) return (bytes as RuntimeBuffer).latin1Slice(start, end);
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** Text of UTF-8, or `undefined` for what is not UTF-8. A byte order mark stays. */
export function strictUtf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** UTF-8 of a text; a lone surrogate becomes U+FFFD. */
export function utf8Bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The bytes that a base64 text stands for. */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  if (BufferClass !== undefined) return BufferClass.from(text, "base64");
  return Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
}

/** Bytes that `text` has as UTF-8. */
export function utf8Size(text: string): number {
  return BufferClass === undefined ? encoder.encode(text).length : BufferClass.byteLength(text);
}

/**
 * Writes `text` as UTF-8 (a lone surrogate becomes U+FFFD) to `at`.
 *
 * @returns how many bytes it took, or -1 if `room` is too small; then the bytes there are not defined.
 */
export function writeUtf8(bytes: Uint8Array, at: number, room: number, text: string): number {
  const { length } = text;
  if (length <= SHORT && length <= room) {
    let index = 0;
    for (; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 127) break;
      bytes[at + index] = unit;
    }
    if (index === length) return length;
  }
  /* A UTF-16 unit has 3 bytes at most: only near the end of the room does it pay to count first. */
  if (length * 3 > room && utf8Size(text) > room) return -1;
  if (BufferClass !== undefined) return (bytes as RuntimeBuffer).utf8Write(text, at, room);
  return encoder.encodeInto(text, bytes.subarray(at, at + room)).written;
}

/**
 * Writes `text`, of which each character must be one byte, to `at`.
 *
 * @returns how many bytes it took, or -1 if `room` is too small or a character is above U+00FF; then the bytes there are
 * not defined.
 */
export function writeLatin1(bytes: Uint8Array, at: number, room: number, text: string): number {
  const { length } = text;
  if (length > room) return -1;
  /* Text is mostly ASCII, and as UTF-8 that takes a byte a character: one pass both writes and proves it. */
  if (length * 3 <= room && writeUtf8(bytes, at, room, text) === length) return length;
  /* To write a wider character as its low byte could make a line break of it. */
  if (!ONE_BYTE.test(text)) return -1;
  if (BufferClass !== undefined) return (bytes as RuntimeBuffer).latin1Write(text, at, room);
  for (let index = 0; index < length; index++) bytes[at + index] = text.charCodeAt(index);
  return length;
}
