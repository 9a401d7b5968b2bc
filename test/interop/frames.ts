/** WebSocket frames by hand, RFC 6455 5.2, for servers that send what no library would. */
import type { Socket } from "node:net";

/** The opcodes. */
export const Op = { MORE: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** What may be wrong about a frame. */
export interface FrameOptions {
  readonly fin?: boolean;
  readonly reserved?: number;
  readonly masked?: boolean;
  /** The form of the length field, where it is not to be the shortest: 2 or 8 bytes. */
  readonly lengthBytes?: 2 | 8;
}

/** A frame of a server. */
export function frame(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  const { fin = true, reserved = 0, masked = false } = options;
  const data = Buffer.from(payload);
  const form = options.lengthBytes ?? (data.length < 126 ? 0 : data.length < 65_536 ? 2 : 8);
  const header = Buffer.alloc(2 + form);
  header[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  header[1] = (masked ? 0x80 : 0) | (form === 0 ? data.length : form === 2 ? 126 : 127);
  if (form === 2) header.writeUInt16BE(data.length, 2);
  if (form === 8) header.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([header, ...(masked ? [Buffer.alloc(4)] : []), data]);
}

/** A close frame. */
export function closeFrame(code: number, reason: string | Uint8Array = ""): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(Op.CLOSE, Buffer.concat([head, Buffer.from(reason)]));
}

/** A frame that a client sent, unmasked. */
export interface Sent {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  readonly payload: Buffer;
}

/** Calls back with each frame that a client sends. */
export function readFrames(socket: Socket, take: (frame: Sent) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (let found = first(rest); found !== undefined; found = first(rest)) {
      rest = rest.subarray(found.size);
      take(found.frame);
    }
  });
}

function first(data: Buffer): { frame: Sent; size: number } | undefined {
  if (data.length < 2) return undefined;
  const [head = 0, second = 0] = data;
  const masked = (second & 0x80) !== 0;
  const form = [2, 8][(second & 0x7f) - 126] ?? 0;
  const start = 2 + form + (masked ? 4 : 0);
  if (data.length < start) return undefined;
  const length = form === 0 ? second & 0x7f : Number(form === 2 ? data.readUInt16BE(2) : data.readBigUInt64BE(2));
  const size = start + length;
  if (data.length < size) return undefined;
  const payload = Buffer.from(data.subarray(start, size));
  if (masked) for (let at = 0; at < length; at++) payload[at] = (payload[at] ?? 0) ^ (data[start - 4 + (at & 3)] ?? 0);
  return { frame: { opcode: head & 15, fin: head > 127, masked, payload }, size };
}

/** The code of a close frame, 0 for none. */
export function codeOf({ opcode, payload }: Sent): number {
  return opcode === Op.CLOSE && payload.length >= 2 ? payload.readUInt16BE(0) : 0;
}

/** Writes byte by byte, each in a segment of its own as far as the kernel likes. */
export async function dribble(socket: Socket, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length && !socket.destroyed; at++) {
    socket.write(data.subarray(at, at + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
