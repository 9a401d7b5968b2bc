import type { Port, TlsOptions } from "../adapters/port.ts";
import { Event, HANDLE_INDEX, Kind, type Limits } from "./abi.gen.ts";
import type { Endpoint } from "./endpoint.ts";

/** The endpoints by handle, and which of them keep the process alive. */
export class EndpointTable {
  readonly #port: Port;
  readonly #byIndex: (Endpoint | undefined)[];
  /** Those that were closed since the last sweep. */
  #leaving: Endpoint[] = [];
  #kept = 0;
  readonly #limits: Pick<Limits, "sockets" | "webSockets">;
  /** Those in the places of `limits.sockets`. */
  #sockets = 0;
  #webSockets = 0;
  /** The endpoint for which a handle is being opened. */
  #opening: Endpoint | undefined;
  /** The listener whose new connection is being admitted: TLS may begin on it before it has an endpoint of its own. */
  accepting: Endpoint | undefined;

  constructor(port: Port, limits: Pick<Limits, "sockets" | "webSockets"> = { sockets: 0, webSockets: 0 }) {
    this.#port = port;
    this.#limits = limits;
    /* All at once: an array that grew in leaps would be a slow one. */
    this.#byIndex = new Array<Endpoint | undefined>(limits.sockets + limits.webSockets).fill(undefined);
  }

  /** Whether so many connections can be accepted and become WebSockets. */
  hasRoomFor(webSockets: number): boolean {
    const { sockets, webSockets: most } = this.#limits;
    return this.#sockets + webSockets <= sockets && this.#webSockets + webSockets <= most;
  }

  /** Whose handle it is; also that of one the application closed, until its last event. */
  find(handle: number): Endpoint | undefined {
    const endpoint = this.#byIndex[handle & HANDLE_INDEX];
    return endpoint !== undefined && endpoint.handle === handle ? endpoint : undefined;
  }

  /** All of them. */
  all(): Endpoint[] {
    return this.#byIndex.filter((endpoint) => endpoint !== undefined);
  }

  /** Opens a handle for an endpoint: `call` returns it, or an error. */
  opening(endpoint: Endpoint, call: () => number): number {
    this.#opening = endpoint;
    try {
      const result = call();
      if (result >= 0) this.add(endpoint, result);
      return result;
    } finally {
      this.#opening = undefined;
    }
  }

  /** Whose socket is being opened: that of a handle that is new, or of one that connects again. */
  opener(handle: number): Endpoint | undefined {
    return this.#opening ?? this.find(handle);
  }

  /** How TLS is done on a handle. */
  tlsOf(handle: number): TlsOptions {
    return (this.find(handle) ?? this.accepting)?.tls ?? {};
  }

  /** A handle was opened for the endpoint. */
  add(endpoint: Endpoint, handle: number): void {
    const before = this.#byIndex[handle & HANDLE_INDEX];
    if (before !== undefined) this.#remove(before);
    endpoint.handle = handle;
    this.#byIndex[handle & HANDLE_INDEX] = endpoint;
    this.#countPlace(endpoint, 1);
    this.#count(1);
  }

  /** The application closes it. What the core still reports of it is passed on. */
  leave(endpoint: Endpoint): void {
    endpoint.released = true;
    this.#leaving.push(endpoint);
  }

  /** An event of an endpoint that the application closed has been delivered. */
  left(endpoint: Endpoint, event: number): void {
    if (event === Event.DISCONNECTED) this.#remove(endpoint);
  }

  /** Forgets those that left without a word, as one that was never open does. */
  sweep(isGone: (handle: number) => boolean): void {
    if (this.#leaving.length === 0) return;
    const leaving = this.#leaving;
    this.#leaving = [];
    for (const endpoint of leaving) if (isGone(endpoint.handle)) this.#remove(endpoint);
  }

  /** Whether the endpoint keeps the process alive. */
  keep(endpoint: Endpoint, on: boolean): void {
    if (endpoint.kept === on) return;
    endpoint.kept = on;
    this.#count(on ? 1 : -1);
    this.#port.keep(endpoint.handle, on);
  }

  /** The port has opened a socket for a handle, perhaps not its first. */
  socketOpened(handle: number): void {
    const endpoint = this.find(handle);
    if (endpoint !== undefined && !endpoint.kept) this.#port.keep(handle, false);
  }

  #remove(endpoint: Endpoint): void {
    const index = endpoint.handle & HANDLE_INDEX;
    if (this.#byIndex[index] !== endpoint) return;
    this.#byIndex[index] = undefined;
    this.#countPlace(endpoint, -1);
    endpoint.released = true;
    if (endpoint.kept) this.#count(-1);
  }

  #countPlace({ handle, kind }: Endpoint, step: number): void {
    if ((handle & HANDLE_INDEX) < this.#limits.sockets) this.#sockets += step;
    if (kind === Kind.WS) this.#webSockets += step;
  }

  #count(step: number): void {
    const any = this.#kept > 0;
    this.#kept += step;
    if (any !== this.#kept > 0) this.#port.clock.keep(this.#kept > 0);
  }
}
