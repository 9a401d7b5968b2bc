import type { Stream } from "../conn/stream.ts";

/** What is offered to the core at once: more would be handed out again and again where many short messages follow. */
const SLICE = 4_096;

/** The same, where it is known to be a body. */
const LARGE_SLICE = 65_536;

/** Offers the core bytes that came before it was asked to read HTTP. */
export class Feeder {
  /** Whether bytes are being offered: those that the core hands out again stay where they are. */
  active = false;
  readonly #stream: Stream;
  /** So many were handed out again. */
  #kept = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** The core hands out again what it does not need. */
  keep(size: number): void {
    this.#kept += size;
  }

  /** Offers some of those that wait; there must be some. `then` is called when what they made has been told. */
  feed(large: boolean, then: () => void): void {
    const { engine, handle, inbox } = this.#stream;
    const bytes = inbox.lend(large ? LARGE_SLICE : SLICE);
    this.active = true;
    this.#kept = 0;
    engine.unread(handle, bytes, () => {
      this.active = false;
      inbox.settle(bytes.length, this.#kept);
      then();
    });
  }
}
