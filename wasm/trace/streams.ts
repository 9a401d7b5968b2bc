/** The bytes of connections, as far as a dump has them: redacted as the texts that they are, however they were cut. */
import { latin1Text } from "../text.ts";
import type { Redaction } from "./redact.ts";

/** The head of a handshake (RFC 6455 4.1, 4.2.2), up to its end: frames follow. */
const HANDSHAKE = /^upgrade:[ \t]*websocket[ \t]*\r\n(?:[\s\S]*?\r\n)??\r\n/im;

/** What comes one behind the other, in pieces. */
interface Run {
  readonly pieces: { readonly at: number; readonly size: number }[];
  /** It is not the first of its kind on a connection whose beginning is known. */
  readonly whole: boolean;
}

/** The texts of one handle. */
interface Texts {
  /** Its beginning is known. */
  readonly whole: boolean;
  /** It is a WebSocket: frames follow the handshake. */
  upgraded: boolean;
  /** Texts by what they are, in the order in which they began. */
  readonly runs: Run[];
  readonly last: Map<string, Run>;
}

/** The texts of all handles in the bytes of a dump. */
export class Streams {
  readonly #bytes: Uint8Array;
  readonly #redaction: Redaction;
  readonly #texts = new Map<number, Texts>();

  constructor(bytes: Uint8Array, redaction: Redaction) {
    this.#bytes = bytes;
    this.#redaction = redaction;
  }

  /** A handle is there; its first mention says whether it is `whole`. */
  begin(handle: number, whole: boolean): void {
    if (!this.#texts.has(handle)) this.#texts.set(handle, { whole, upgraded: false, runs: [], last: new Map() });
  }

  /** Whether the beginning of a handle is known. */
  isWhole(handle: number): boolean {
    return this.#texts.get(handle)?.whole === true;
  }

  /** Another connection of the same handle begins. */
  reopen(handle: number): void {
    const texts = this.#texts.get(handle);
    if (texts === undefined) return;
    for (const kind of texts.last.keys()) {
      const run: Run = { pieces: [], whole: true };
      texts.last.set(kind, run);
      texts.runs.push(run);
    }
  }

  upgrade(handle: number): void {
    const texts = this.#texts.get(handle);
    if (texts !== undefined) texts.upgraded = true;
  }

  /** Bytes that follow those of the same kind. */
  add(handle: number, kind: string, at: number, size: number): void {
    const texts = this.#texts.get(handle);
    if (texts === undefined || size === 0) return;
    let run = texts.last.get(kind);
    if (run === undefined) {
      run = { pieces: [], whole: texts.whole };
      texts.last.set(kind, run);
      texts.runs.push(run);
    }
    run.pieces.push({ at, size });
  }

  /** Redacts everything, where it is. */
  redact(): void {
    for (const { upgraded, runs } of this.#texts.values()) {
      for (const run of runs) this.#redact(run, upgraded);
    }
  }

  #redact({ pieces, whole }: Run, upgraded: boolean): void {
    const text = pieces.map(({ at, size }) => latin1Text(this.#bytes, at, at + size)).join("");
    const handshake = upgraded ? HANDSHAKE.exec(text) : null;
    if (upgraded && handshake === null && !whole) return;
    const end = handshake === null ? text.length : handshake.index + handshake[0].length;
    let head = text.slice(0, end);
    if (!whole && !upgraded) head = this.#hideStart(head);
    const redacted = this.#redaction.text(head);
    let from = 0;
    for (const { at, size } of pieces) {
      for (let index = 0; index < size && from + index < end; index++) {
        this.#bytes[at + index] = redacted.charCodeAt(from + index);
      }
      from += size;
    }
  }

  /** A text that begins in the middle may begin in a secret, whose name is gone: all of it up to the first line break is hidden. */
  #hideStart(text: string): string {
    const line = text.indexOf("\n");
    const end = line < 0 ? text.length : line;
    return text.slice(0, end).replace(/[^\r]/g, "*") + text.slice(end);
  }
}
