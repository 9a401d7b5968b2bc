import type { Port } from "../adapters/port.ts";
import { NONE } from "./abi.gen.ts";

/**
 * Reading on and off, as the core asks a port for it. A full window stops reading; but if what has just come is used up
 * before its delivery is over, as by a reader that keeps up, the port need not know of it.
 */
export class Reading {
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
