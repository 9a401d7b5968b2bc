/** The two ways in which scripts write bytes down; test/vectors/README.md has the rules. */

const SHOWN_AS_TEXT = 300;
const SHORTEST_RUN = 8;
const encoder = new TextEncoder();

/**
 * The bytes that `text` stands for: `x:8105 'Hello' 61*128` is hex with quoted text and runs, any other text is its own
 * UTF-8.
 *
 * @throws Error if what follows `x:` is malformed.
 */
export function parseBytes(text: string): Uint8Array {
  if (!text.startsWith("x:")) return encoder.encode(text);
  const bytes: number[] = [];
  const token = / +|'((?:[^'\\]|\\.)*)'|([0-9a-f]{2})(?:\*([0-9]+))?/y;
  token.lastIndex = 2;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new Error(`malformed bytes at ${at}: ${text.slice(0, 80)}`);
    const [, quoted, byte, times = "1"] = match;
    if (quoted !== undefined) for (const one of encoder.encode(unescaped(quoted))) bytes.push(one);
    if (byte !== undefined) for (let left = Number(times); left > 0; left--) bytes.push(Number.parseInt(byte, 16));
  }
  return Uint8Array.from(bytes);
}

function unescaped(quoted: string): string {
  return quoted.replace(/\\(.)/gs, (_, c: string) => (c === "r" ? "\r" : c === "n" ? "\n" : c === "t" ? "\t" : c));
}

/**
 * Bytes as logs show them: `'text'` if they are at most 300, all printable ASCII (or CR, LF, TAB) and without a run of 8
 * equal ones; else hex, with each such run as one.
 */
export function showBytes(bytes: Uint8Array): string {
  return bytes.length <= SHOWN_AS_TEXT && isPlain(bytes) ? showText(bytes) : showHex(bytes);
}

function runAt(bytes: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < bytes.length && bytes[end] === bytes[at]) end++;
  return end - at;
}

function isPlain(bytes: Uint8Array): boolean {
  return bytes.every(
    (byte, at) =>
      ((byte >= 0x20 && byte <= 0x7e) || byte === 13 || byte === 10 || byte === 9) && runAt(bytes, at) < SHORTEST_RUN,
  );
}

function showText(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes);
  const escaped = text.replace(/[\\']/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  return `'${escaped.replaceAll("\t", "\\t")}'`;
}

function showHex(bytes: Uint8Array): string {
  const words: string[] = [];
  let word = "";
  for (let at = 0; at < bytes.length; ) {
    const hex = (bytes[at] as number).toString(16).padStart(2, "0");
    const run = runAt(bytes, at);
    if (run < SHORTEST_RUN) {
      word += hex;
      at++;
      continue;
    }
    if (word !== "") words.push(word);
    word = "";
    words.push(`${hex}*${run}`);
    at += run;
  }
  if (word !== "") words.push(word);
  return `x:${words.join(" ")}`;
}

/** The bytes of all pieces, one behind the other. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** Whether `bytes` begin with `start`. */
export function beginsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  if (bytes.length < start.length) return false;
  for (let at = 0; at < start.length; at++) if (bytes[at] !== start[at]) return false;
  return true;
}
