import type { Core } from "./core.ts";
import { report } from "./report.ts";

interface Part {
  readonly handle: number;
  readonly bytes: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** Bytes that were handed out and are to be delivered once more, in order. */
export class Unread {
  readonly #core: Core;
  /** Bytes of one delivery. */
  readonly #most: number;
  /** Hands records that are ready to their endpoints. */
  readonly #deliver: (ready: number) => void;
  #parts: Part[] = [];

  constructor(core: Core, most: number, deliver: (ready: number) => void) {
    this.#core = core;
    this.#most = most;
    this.#deliver = deliver;
  }

  get waiting(): boolean {
    return this.#parts.length > 0;
  }

  add(handle: number, bytes: Uint8Array, done: (() => void) | undefined): void {
    this.#parts.push({ handle, bytes, done });
  }

  /** As `run`, while `size` bytes of another delivery lie in the core's buffer already. */
  runBefore(size: number): void {
    const { memory, received } = this.#core;
    const other = size > 0 ? memory.copy(received, size) : undefined;
    this.run();
    if (other !== undefined) memory.writeBytes(received, size, other);
  }

  /** Delivers all that was added. What it makes may have more added. */
  run(): void {
    const { exports, memory, received, self } = this.#core;
    for (let next = this.#parts.shift(); next !== undefined; next = this.#parts.shift()) {
      const { handle, bytes, done } = next;
      for (let at = 0; at < bytes.length; at += this.#most) {
        const part = bytes.length <= this.#most ? bytes : bytes.subarray(at, at + this.#most);
        memory.writeBytes(received, part.length, part);
        const ready = exports.twc_unread(self, handle, part.length);
        if (ready > 0) this.#deliver(ready);
      }
      try {
        done?.();
      } catch (error) {
        report(error);
      }
    }
  }
}
