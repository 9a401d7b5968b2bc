/** The epochs of a stream of NATS: which numbers belong together, although the stream may have lost its end. */
import type { Position } from "./driver.ts";
import type { StreamState } from "./jetstream.ts";

/** The epochs that are remembered in the stream's description. */
const MOST = 20;

/**
 * The first epoch of a stream is named after when it was created. If the stream is not as far as it was (its server lost what it
 * had acknowledged, or was given an older copy), the node that notices begins an epoch at the next number, and notes that in the
 * description of the stream, where all nodes read it.
 */
export class Epochs {
  #created = "";
  #base = "";
  /** The first number of each epoch but the first. */
  #starts: readonly number[] = [];
  /** How many epochs were dropped from the beginning of the list. */
  #dropped = 0;
  /** The highest number that the stream had. */
  #seen = 0;

  /** The epoch of the next message. */
  get current(): string {
    return this.#name(this.#starts.length);
  }

  /** The epoch of the message with this number. */
  at(seq: number): string {
    return this.#name(this.#starts.filter((start) => start <= seq).length);
  }

  /** The highest number that the stream is known to have had. */
  get seen(): number {
    return this.#seen;
  }

  /** Takes the number of a message that was stored. */
  see(seq: number): void {
    this.#seen = Math.max(this.#seen, seq);
  }

  /**
   * Takes the state of the stream. `seen`: what was seen when the state was asked for. Returns the description that is to be
   * stored if messages are lost.
   */
  learn({ created, description, last }: StreamState, seen: number): string | undefined {
    const isNew = created !== this.#created;
    if (isNew) {
      this.#created = created;
      this.#base = (Date.parse(created) || 0).toString(36);
      this.#seen = 0;
    }
    const [dropped = 0, ...starts] = (/^epochs((?: \d+)+)$/.exec(description)?.[1] ?? "")
      .split(" ")
      .filter(Boolean)
      .map(Number);
    const isNoticed = dropped + starts.length !== this.#dropped + this.#starts.length;
    this.#dropped = dropped;
    this.#starts = starts;
    if (last >= seen && !isNew && !isNoticed) {
      this.see(last);
      return undefined;
    }
    this.#seen = last;
    if (isNew || isNoticed) return undefined;
    const more = [...starts, last + 1];
    const extra = Math.max(0, more.length - MOST);
    return `epochs ${dropped + extra} ${more.slice(extra).join(" ")}`;
  }

  /** Where a reader continues that has everything up to a position, and whether messages after it are lost. */
  resume({ epoch, offset }: Position, last: number): { readonly from: number; readonly gap: boolean } {
    const [base, number = "0"] = epoch.split(".");
    const at = Number(number) - this.#dropped;
    if (base !== this.#base || !(at >= 0 && at <= this.#starts.length)) return { from: 0, gap: true };
    const end = (this.#starts[at] ?? last + 1) - 1;
    return { from: Math.min(offset, end), gap: offset > end };
  }

  #name(at: number): string {
    const number = at + this.#dropped;
    return number === 0 ? this.#base : `${this.#base}.${number}`;
  }
}
