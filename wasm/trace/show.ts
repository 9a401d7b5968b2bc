/** Whether a byte can stand for itself in a text that people read. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0x0d || byte === 0x0a || byte === 0x09;
}

/** Bytes as a vector's argument has them: themselves if they can be read, else `x:` and hex. */
export function showBytes(bytes: Uint8Array): string {
  const hex = (): string => `x:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  if (!bytes.every(isPrintable)) return hex();
  let shown = "";
  for (const byte of bytes) shown += String.fromCharCode(byte);
  return shown.startsWith("x:") ? hex() : shown;
}
