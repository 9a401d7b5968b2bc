/** Unmasked frames, sent as a client does: masked. What is no whole frame stays as it is. RFC 6455 5.3 */
export function maskFrames(bytes: Uint8Array): Uint8Array {
  const key = [0x37, 0xfa, 0x21, 0x3d];
  const out: number[] = [];
  let at = 0;
  while (bytes.length - at >= 2) {
    const [first = 0, second = 0] = bytes.subarray(at);
    const form = second & 127;
    const header = form === 127 ? 10 : form === 126 ? 4 : 2;
    if (bytes.length - at < header) break;
    const extended = bytes.subarray(at + 2, at + header);
    const size = form < 126 ? form : extended.reduce((sum, byte) => sum * 256 + byte, 0);
    const payload = bytes.subarray(at + header, Math.min(at + header + size, bytes.length));
    out.push(first, second | 0x80, ...extended, ...key);
    payload.forEach((byte, index) => {
      out.push(byte ^ (key[index & 3] as number));
    });
    at += header + payload.length;
  }
  return Uint8Array.from([...out, ...bytes.subarray(at)]);
}
