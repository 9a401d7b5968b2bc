import { joinBytes, showBytes } from "./bytes.ts";

/** Lines that a run leaves behind. */
export class Log {
  readonly #lines: string[] = [];
  #prefix = "";
  #pieces: Uint8Array[] = [];

  /** Adds a line. */
  line(text: string): void {
    this.end();
    this.#lines.push(text);
  }

  /** Adds the line "prefix bytes". */
  bytes(prefix: string, bytes: Uint8Array): void {
    this.line(`${prefix} ${showBytes(bytes)}`);
  }

  /** As `bytes`, but if the last line came from here with the same prefix, its bytes grow. The bytes are copied. */
  join(prefix: string, bytes: Uint8Array): void {
    if (this.#prefix !== prefix) this.end();
    this.#prefix = prefix;
    this.#pieces.push(new Uint8Array(bytes));
  }

  /** Ends the line that `join` left open. */
  end(): void {
    if (this.#prefix === "") return;
    const line = `${this.#prefix} ${showBytes(joinBytes(this.#pieces))}`;
    this.#prefix = "";
    this.#pieces = [];
    this.#lines.push(line);
  }

  /** The lines so far; it then has none. */
  takeLines(): string[] {
    this.end();
    return this.#lines.splice(0);
  }
}
