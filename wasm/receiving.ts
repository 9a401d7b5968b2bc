import type { Port } from "../adapters/port.ts";
import { NONE } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import { report } from "./report.ts";

/**
 * ReadControl on and off, as the core asks a port for it. A full window stops reading; but if what has just come is used up
 * before its delivery is over, as by a reader that keeps up, the port need not know of it.
 */
export class ReadControl {
  readonly #port: Port;
  /** To whom something is being delivered, which is thus being read. */
  #receiver: number = NONE;
  #on = true;

  constructor(port: Port) {
    this.#port = port;
  }

  /** The core asks for it. */
  set(handle: number, on: boolean): void {
    if (handle === this.#receiver) this.#on = on;
    else this.#port.read(handle, on);
  }

  /** A delivery begins. */
  hold(handle: number): void {
    this.#receiver = handle;
    this.#on = true;
  }

  /** It is over. */
  release(): void {
    const receiver = this.#receiver;
    this.#receiver = NONE;
    if (!this.#on) this.#port.read(receiver, false);
  }
}

interface PendingBytes {
  readonly handle: number;
  readonly bytes: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** Bytes that were handed out and are to be delivered once more, in order. */
export class Redelivery {
  readonly #core: Core;
  /** Bytes of one delivery. */
  readonly #most: number;
  /** Hands records that are ready to their endpoints. */
  readonly #deliver: (ready: number) => void;
  #parts: PendingBytes[] = [];

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
