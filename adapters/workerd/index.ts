/**
 * The port of workerd, the runtime of Cloudflare Workers: clients of TCP and TLS by connect() of cloudflare:sockets. It has
 * no listeners, UDP or Unix sockets. A socket belongs to the request that opened it: workerd ends it with that request.
 */
import { type AddressOf, Close, Errors, FOREVER, SocketKind } from "../../wasm/abi.gen.ts";
import type { Clock, Port, PortEvents, PortMemory, Resolution, SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { errorNumber } from "./errors.ts";
import { WorkerdStream } from "./stream.ts";

const STATE = Errors.ERR_STATE.value;
const UNSUPPORTED = Errors.ERR_UNSUPPORTED.value;

/** `setTimeout` cannot wait longer; the engine then sets a new one. */
const LONGEST = 0x7fffffff;

/** Makes workerd's port for a new engine. */
export function createPort(): Port {
  return new WorkerdPort();
}

class WorkerdPort implements Port {
  readonly name = "workerd";
  readonly clock = new WorkerdClock();
  cause: unknown;
  readonly #streams = new Map<number, WorkerdStream>();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: SocketKind, name: string, port: number, _options: SocketOptions): number {
    this.cause = undefined;
    if (this.#deliver === undefined || this.#memory === undefined) return STATE;
    if (kind !== SocketKind.TCP) return UNSUPPORTED;
    const place = {
      handle,
      deliver: this.#deliver,
      memory: this.#memory,
      forget: () => this.#streams.delete(handle),
      renewTimers: () => this.clock.renew(handle),
    };
    try {
      this.#streams.set(handle, new WorkerdStream(place, name, port));
      return 0;
    } catch (error) {
      this.cause = error;
      return errorNumber(error, false, false);
    }
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    return this.#stream(handle)?.write(pieces) ?? STATE;
  }

  sendTo(): number {
    return STATE;
  }

  shutdown(handle: number): void {
    this.#stream(handle)?.shutdown();
  }

  connectUdp(): number {
    return STATE;
  }

  startTls(handle: number, name: string, options: TlsOptions): number {
    this.cause = undefined;
    try {
      return this.#stream(handle)?.startTls(name, options) ?? STATE;
    } catch (error) {
      this.cause = error;
      return errorNumber(error, true, true);
    }
  }

  tlsInfo(handle: number): TlsInfo | undefined {
    return this.#streams.get(handle)?.tlsInfo();
  }

  /** workerd looks names up itself, inside connect(), and does not say what it found. */
  resolve(): Promise<Resolution> {
    return Promise.resolve({ error: UNSUPPORTED, addresses: [] });
  }

  read(handle: number, on: boolean): void {
    this.#stream(handle)?.read(on);
  }

  close(handle: number, how: Close): void {
    const stream = this.#streams.get(handle);
    this.#streams.delete(handle);
    if (how === Close.ABORT) stream?.abort();
    else stream?.end();
  }

  address(handle: number, which: AddressOf): string | number {
    return this.#streams.get(handle)?.address(which) ?? STATE;
  }

  random(target: Uint8Array): void {
    const fresh = new Uint8Array(target.length);
    crypto.getRandomValues(fresh);
    target.set(fresh);
  }

  keep(): void {}

  /** The stream of a handle, whose request is the one that runs. */
  #stream(handle: number): WorkerdStream | undefined {
    this.clock.renew(handle);
    return this.#streams.get(handle);
  }

  isUp(): boolean {
    return true;
  }
}

/**
 * The engine's timer and its deferred call. workerd drops the timers of a request that has ended, and the engine is that of
 * all requests: so each stream sets them again when its own request runs.
 */
class WorkerdClock implements Clock {
  #deliver: PortEvents | undefined;
  /** When to wake; `undefined`: no timer is set. */
  #wakeAt: number | undefined;
  #isLater = false;
  /** The streams in whose requests both are set. */
  readonly #renewed = new Set<number>();

  attach(deliver: PortEvents): void {
    this.#deliver = deliver;
  }

  now(): number {
    return performance.now();
  }

  wake(delayMs: number): void {
    this.#renewed.clear();
    this.#wakeAt = delayMs === FOREVER ? undefined : this.now() + delayMs;
    this.#setWake();
  }

  later(): void {
    this.#renewed.clear();
    this.#isLater = true;
    this.#setLater();
  }

  keep(): void {}

  /** Sets what is pending in the request of a stream. */
  renew(handle: number): void {
    if (this.#renewed.has(handle) || (this.#wakeAt === undefined && !this.#isLater)) return;
    this.#renewed.add(handle);
    this.#setWake();
    if (this.#isLater) this.#setLater();
  }

  #setWake(): void {
    const at = this.#wakeAt;
    if (at === undefined) return;
    const fire = (): void => {
      if (this.#wakeAt !== at) return; /* set again, or done by the timer of another request */
      this.#wakeAt = undefined;
      this.#deliver?.wake();
    };
    setTimeout(fire, Math.min(Math.max(at - this.now(), 0), LONGEST));
  }

  #setLater(): void {
    setTimeout(() => {
      if (!this.#isLater) return;
      this.#isLater = false;
      this.#deliver?.later();
    }, 0);
  }
}
