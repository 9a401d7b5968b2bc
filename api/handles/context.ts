import { TwinwireError } from "../../wasm/errors.ts";
import type { Memory } from "../../wasm/memory.ts";

/**
 * What a listener gets beside the event: whose it is, and its bytes.
 *
 * ```ts
 * net.on(sock, "data", (e, { handle, bytes }) => { ... });
 * ```
 */
export class EventContext {
  /** The handle whose event it is. */
  readonly handle: number;
  /** Whether it is a binary WebSocket message. */
  readonly binary: boolean;
  #memory: Memory | undefined;
  readonly #at: number;
  readonly #size: number;
  #bytes: Uint8Array | undefined;

  /** @internal */
  constructor(handle: number, binary: boolean, memory: Memory | undefined, at: number, size: number) {
    this.handle = handle;
    this.binary = binary;
    this.#memory = memory;
    this.#at = at;
    this.#size = size;
  }

  /**
   * The event's bytes as they came: the data of a stream, a datagram, a message. A copy that is yours to keep; a `Buffer`
   * where the runtime has one. It is made when it is first asked for, which must be inside the listener.
   *
   * @throws TwinwireError ERR_STATE if it is first asked for after the listener has returned.
   */
  get bytes(): Uint8Array {
    this.#bytes ??= this.#copy();
    return this.#bytes;
  }

  #copy(): Uint8Array {
    if (this.#memory === undefined) {
      const reason = "an event's bytes must be read inside its listener, before the first await";
      throw new TwinwireError("ERR_STATE", { step: "receive", reason });
    }
    return this.#memory.copy(this.#at, this.#size);
  }

  /** Gives the context bytes of its own. @internal */
  static keep(context: EventContext, bytes: Uint8Array): void {
    context.#bytes = bytes;
  }

  /** The listeners have returned: the core's bytes are no longer valid. @internal */
  static expire(context: EventContext): void {
    context.#memory = undefined;
  }
}
