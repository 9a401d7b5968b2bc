/** A simulated server socket. */
import type { Acceptor, Process } from "./machine.ts";
import type { Place, SimStream } from "./stream.ts";

/** Connections that may wait to be accepted, if the application does not say. */
const BACKLOG = 511;

/** Accepts connections at a port or a path. */
export class SimListener implements Acceptor {
  readonly place: Place;
  readonly local: string;
  readonly #process: Process;
  /** Its port, or its path. */
  readonly #key: number | string;
  readonly #register: (handle: number, stream: SimStream) => void;
  readonly #backlog: number;
  #waiting = 0;
  #closed = false;

  /** `register` gives a stream that the engine accepts its handle. */
  constructor(
    process: Process,
    place: Place,
    at: { readonly key: number | string; readonly local: string; readonly backlog: number | undefined },
    register: (handle: number, stream: SimStream) => void,
  ) {
    this.#process = process;
    this.place = place;
    this.#key = at.key;
    this.local = at.local;
    this.#backlog = Math.max(1, at.backlog ?? BACKLOG);
    this.#register = register;
    process.machine.listeners.set(at.key, this);
    process.machine.sockets.add(this);
    process.after(0, () => {
      if (this.#closed) return;
      process.machine.note(`listening ${place.handle}`);
      place.deliver.connected(place.handle);
    });
  }

  /** The process that listens. */
  get process(): Process {
    return this.#process;
  }

  /** Whether another connection may wait. */
  get hasRoom(): boolean {
    return !this.#closed && this.#waiting < this.#backlog && this.#process.machine.hasRoom;
  }

  /** Queues an established connection, which is delivered once the process runs. */
  offer(stream: SimStream): boolean {
    if (!this.hasRoom) return false;
    this.#waiting++;
    this.#process.after(0, () => {
      this.#waiting--;
      if (stream.over) return;
      const { machine } = this.#process;
      const taken = !this.#closed && this.#accept(stream);
      machine.note(`accepted ${this.place.handle} ${taken ? (stream.place?.handle ?? "closed") : "refused"}`);
      if (taken) stream.begin();
      else stream.lost(false);
    });
    return true;
  }

  #accept(stream: SimStream): boolean {
    return this.place.deliver.accepted(this.place.handle, (handle) => this.#register(handle, stream));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { machine } = this.#process;
    if (machine.listeners.get(this.#key) === this) machine.listeners.delete(this.#key);
    machine.sockets.delete(this);
  }

  lost(): void {
    this.#closed = true;
  }
}
