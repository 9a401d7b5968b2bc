import { Socket } from "node:net";
import type { Place } from "../shared/sockets.ts";
import type { ByteStream } from "./connect.ts";
import type { Traits } from "./traits.ts";

/** Received bytes on their way to the core. Nothing is delivered while reading is off, and nothing is lost. */
export class Inbound {
  readonly #place: Place;
  readonly #traits: Traits;
  /** Whether bytes in Node's own memory may be given away. */
  readonly #gives: boolean;
  /** The socket whose bytes are delivered; none while TLS starts that has no socket yet. */
  #socket: ByteStream | undefined;
  #listener: ((bytes: Buffer<ArrayBuffer>) => void) | undefined;
  #reading = true;
  #closed = false;
  /** What was received while reading was off: a paused TLS socket still delivers what it has decrypted. */
  #held: Buffer<ArrayBuffer>[] | undefined;
  /** The end came while reading was off: whether it is certain that nothing was cut off. */
  #endHeld: boolean | undefined;

  constructor(place: Place, traits: Traits, gives: boolean) {
    this.#place = place;
    this.#traits = traits;
    this.#gives = gives;
  }

  get reading(): boolean {
    return this.#reading;
  }

  /**
   * Delivers the bytes of this socket from now on, or of none: what its predecessor still has is not for the core.
   * `listener`: calls `copied`, if the bytes come in memory of Node.
   */
  from(socket: ByteStream | undefined, listener: ((bytes: Buffer<ArrayBuffer>) => void) | undefined): void {
    if (this.#listener !== undefined) this.#socket?.off("data", this.#listener);
    this.#socket = socket;
    this.#listener = listener;
    if (listener !== undefined) socket?.on("data", listener);
  }

  read(on: boolean): void {
    if (on === this.#reading) return;
    this.#reading = on;
    if (!on) this.#flow(false);
    else if (this.#held !== undefined || this.#endHeld !== undefined) queueMicrotask(() => this.#release());
    else this.#flow(true);
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#closed = true;
    this.#held = undefined;
  }

  /** `size` bytes lie in the core's memory. Returns whether there should come more. */
  received(size: number): boolean {
    const { handle, deliver, memory } = this.#place;
    if (this.#closed) return false;
    if (this.#reading) deliver.received(handle, size);
    else this.#hold(Buffer.from(memory.received.subarray(0, size)));
    return this.#reading;
  }

  /** The peer ended its half; `certain` as in `PortEvents.ended`. */
  ended(certain: boolean): void {
    if (this.#closed) return;
    if (!this.#reading || this.#held !== undefined) {
      this.#endHeld = certain;
      return;
    }
    this.#endHeld = undefined;
    this.#place.deliver.ended(this.#place.handle, certain);
  }

  #flow(on: boolean): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (on) socket.resume();
    else socket.pause();
    if (socket instanceof Socket) this.#traits.afterRead?.(socket, on);
  }

  /** Bytes came, in memory of Node. */
  copied(bytes: Buffer<ArrayBuffer>): void {
    const { handle, deliver, memory } = this.#place;
    const room = memory.received.length;
    const socket = this.#socket;
    for (let at = 0; at < bytes.length && !this.#closed; at += room) {
      /* What comes behind the last plain byte is TLS's, which reads what its socket has left. */
      if (!this.#reading || socket !== this.#socket) {
        socket?.unshift(bytes.subarray(at));
        return;
      }
      if (this.#gives) deliver.given(handle, bytes.length <= room ? bytes : bytes.subarray(at, at + room));
      else deliver.received(handle, bytes.copy(memory.received, 0, at));
    }
  }

  #hold(bytes: Buffer<ArrayBuffer>): void {
    this.#held ??= [];
    this.#held.push(bytes);
  }

  #release(): void {
    const { handle, deliver, memory } = this.#place;
    while (this.#reading && !this.#closed) {
      const bytes = this.#held?.shift();
      if (bytes === undefined) {
        this.#held = undefined;
        this.#flow(true);
        if (this.#endHeld !== undefined) this.ended(this.#endHeld);
        return;
      }
      bytes.copy(memory.received);
      deliver.received(handle, bytes.length);
    }
  }
}
