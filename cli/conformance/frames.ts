import { joinBytes } from "../../adapters/script/index.ts";

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/* A case runs in hundreds of ways, each with the same bytes. */
const masked = new WeakMap<Uint8Array, Uint8Array>();

/**
 * Returns unmasked frames as a client sends them: masked (RFC 6455 5.3). What is no whole frame stays as it is. Neither
 * the argument nor the result may be changed.
 */
export function maskFrames(bytes: Uint8Array): Uint8Array {
  const result = masked.get(bytes) ?? mask(bytes);
  masked.set(bytes, result);
  return result;
}

function mask(bytes: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= 2) {
    const second = bytes[at + 1] as number;
    const form = second & 127;
    const size = form === 127 ? 10 : form === 126 ? 4 : 2;
    if (bytes.length - at < size) break;
    const header = bytes.slice(at, at + size);
    header[1] = second | 0x80;
    const length = form < 126 ? form : header.subarray(2).reduce((sum, byte) => sum * 256 + byte, 0);
    const payload = bytes.slice(at + size, Math.min(at + size + length, bytes.length));
    for (let index = 0; index < payload.length; index++) {
      payload[index] = (payload[index] as number) ^ (KEY[index & 3] as number);
    }
    pieces.push(header, KEY, payload);
    at += size + payload.length;
  }
  return joinBytes([...pieces, bytes.subarray(at)]);
}
