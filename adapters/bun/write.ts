import { Buffer } from "node:buffer";
import type { BunSocket } from "./runtime.ts";

/** Pieces of a write that are fewer bytes than this go out as one: to copy them costs less than to ask the kernel twice. */
const JOINED = 65_536;
const joined = Buffer.allocUnsafeSlow(JOINED);

/** Writes the pieces, as one if they are small. Returns how many bytes were taken, and of how many. */
export function writeAll(socket: BunSocket<unknown>, pieces: readonly Uint8Array[]): { size: number; all: number } {
  const all = pieces.reduce((sum, { length }) => sum + length, 0);
  if (pieces.length > 1 && all <= JOINED) {
    let at = 0;
    for (const piece of pieces) {
      joined.set(piece, at);
      at += piece.length;
    }
    return { size: Math.max(0, socket.write(joined, 0, all)), all };
  }
  let size = 0;
  for (const piece of pieces) {
    const taken = Math.max(0, socket.write(piece));
    size += taken;
    if (taken < piece.length) break;
  }
  return { size, all };
}
