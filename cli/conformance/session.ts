/** Runs the steps of one case against one core on a scripted host. */
import type { PortEvents } from "../../adapters/port.ts";
import { joinBytes, Script, ScriptPort } from "../../adapters/script/index.ts";
import { EventRecord, FOREVER, type Limits, MAX_ADDRESS } from "../../wasm/abi.gen.ts";
import type { Core } from "../../wasm/core.ts";
import { EventLog } from "./events.ts";
import type { CoreMachine } from "./machine.ts";

const QUIET_AFTER = 100_000;

/** What a case gets unless it sets a limit: small, so that bounds are near. */
const defaults: Limits = {
  sockets: 4,
  webSockets: 4,
  recvBuffer: 4096,
  stageBuffer: 4096,
  sendBuffer: 65_536,
  blockSize: 512,
  sendPool: 131_072,
  textPool: 4096,
  events: 64,
  maxMessage: 1_048_576,
  maxHead: 4096,
  connectTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 5000,
  maxLine: 4096,
  maxFields: 64,
  maxFragments: 1024,
  maxUnfinished: 1048576,
  addresses: 0,
  stallTimeoutMs: 0,
};

/** One way to run a case; every way must leave the same lines. */
export interface Mode {
  readonly label: string;
  /**
   * How received bytes are cut into deliveries: whole, each byte, or at this place of all that the case receives. The last
   * two compare nothing with what the steps expect: what "apart" (which is as whole) leaves behind, from the first step to
   * the last, is what "joined" must leave behind: what the peer sends between two calls of the application is one delivery,
   * an end right behind it.
   */
  readonly cut?: "bytes" | number | "apart" | "joined";
  /** The least events and receive buffer. */
  readonly small?: boolean;
  readonly dribble?: boolean;
  /** The clock wraps soon after the start. */
  readonly wrap?: boolean;
}

/** A core in the middle of a case. */
export class Session implements PortEvents {
  readonly machine: CoreMachine;
  readonly port: ScriptPort;
  readonly script: Script;
  readonly events: EventLog;
  readonly limits: Limits = { ...defaults };
  /** The limits that the case set. */
  readonly own = new Set<keyof Limits>();
  /** Where in `received` each step's bytes began. */
  readonly arrivals: number[] = [];
  /** Bytes that the case received so far. */
  arrived = 0;
  /** Calls are not flushed. */
  hold = false;
  allBlocks = 0;
  /** What the application does in its handlers of the next events. */
  readonly during: (() => void)[] = [];
  /** The lines of the run, if they are compared later; see `Mode.cut`. */
  left: string | undefined;
  #draining = false;
  /** What is to be delivered in one, and to whom. */
  #joined: { handle: number; pieces: Uint8Array[]; ended: boolean } | undefined;
  readonly #mode: Mode;
  #core: Core | undefined;

  constructor(machine: CoreMachine, mode: Mode) {
    this.machine = machine;
    this.#mode = mode;
    this.port = new ScriptPort(mode.wrap ? 0xffffffff - 499 : 1_000_000);
    this.port.dribble = mode.dribble ?? false;
    this.script = new Script(this.port);
    this.events = new EventLog(this.port, machine.tap);
  }

  /** The core; made at the first call. */
  get core(): Core {
    this.#core ??= this.#start();
    return this.#core;
  }

  get started(): boolean {
    return this.#core !== undefined;
  }

  #start(): Core {
    if (this.#mode.small) {
      this.limits.events = 4;
      if (!this.own.has("recvBuffer")) this.limits.recvBuffer = 64;
    }
    const core = this.machine.start(this.limits, this.port);
    this.#core = core;
    this.port.attach(this, { received: core.memory.view(core.received, this.limits.recvBuffer) });
    this.#drain(core.exports.twc_tick(core.self, this.port.clock.nowMs >>> 0));
    this.allBlocks = core.exports.twc_free_blocks(core.self) >>> 0;
    return core;
  }

  // ---- Deliveries: drained, not yet flushed

  connected(handle: number): void {
    this.#drain(this.core.exports.twc_connected(this.core.self, handle));
  }

  /** What `twc_accepted` answered last. */
  acceptedHandle = 0;

  accepted(listener: number, register: (handle: number) => void): boolean {
    this.acceptedHandle = this.core.exports.twc_accepted(this.core.self, listener);
    if (this.acceptedHandle >= 0) register(this.acceptedHandle);
    return this.acceptedHandle >= 0;
  }

  network(up: number): void {
    this.#drain(this.core.exports.twc_network(this.core.self, up));
  }

  secured(handle: number): void {
    this.#drain(this.core.exports.twc_secured(this.core.self, handle));
  }

  received(handle: number, size: number): void {
    this.#drain(this.core.exports.twc_received(this.core.self, handle, size));
  }

  given(): void {}

  ended(handle: number): void {
    this.#drain(this.core.exports.twc_ended(this.core.self, handle));
  }

  written(handle: number, size: number): void {
    this.#drain(this.core.exports.twc_written(this.core.self, handle, size));
  }

  closed(handle: number, error: number): void {
    this.#drain(this.core.exports.twc_closed(this.core.self, handle, error));
  }

  datagram(handle: number, size: number, address: string, port: number): void {
    const { exports, memory, self, sender } = this.core;
    const addressSize = memory.writeText(sender, MAX_ADDRESS, address);
    this.#drain(exports.twc_datagram(self, handle, size, addressSize, port));
  }

  failed(): void {}

  wake(): void {}

  later(): void {}

  #drain(ready: number): void {
    const { exports, events, self } = this.core;
    for (let count = ready, rounds = 0; count > 0; count = exports.twc_pump(self), rounds++) {
      if (count > this.limits.events || rounds > QUIET_AFTER) {
        this.port.fail(undefined, `${count} events in round ${rounds}`);
        return;
      }
      for (let index = 0; index < count; index++) {
        const record = events + index * EventRecord.SIZE;
        const released = exports.twc_buffered(self, this.core.memory.eventHandle(record)) < 0;
        this.events.add(this.core, record, released);
        this.#draining = true;
        this.during.shift()?.();
        this.#draining = false;
      }
    }
  }

  // ---- What steps use

  /** Flushes, and goes on until nothing moves. */
  settle(): void {
    if (this.#draining) return;
    const { exports, self } = this.core;
    let moved = true;
    for (let rounds = 0; moved && this.port.fault === ""; rounds++) {
      const quiet = !this.hold && exports.twc_flush(self) === 0;
      const more = exports.twc_pump(self);
      if (quiet && more > 0) this.port.fail(undefined, "twc_flush kept silent about an event");
      this.#drain(more);
      moved = more > 0 || !(quiet || this.hold);
      for (const socket of this.port.all()) moved = this.script.moveOn(socket) || moved;
      if (rounds > QUIET_AFTER) this.port.fail(undefined, "the core does not settle");
    }
  }

  /** Whether the run's lines are compared with those of another run, at its end. */
  get comparesLater(): boolean {
    return this.#mode.cut === "apart" || this.#mode.cut === "joined";
  }

  /** Delivers what the peer has sent so far as one: its last bytes and the end without a flush between them. */
  deliverJoined(): void {
    const joined = this.#joined;
    if (joined === undefined || this.#draining) return;
    this.#joined = undefined;
    const { handle, pieces, ended } = joined;
    const bytes = joinBytes(pieces);
    const room = this.limits.recvBuffer;
    for (let at = 0; at < bytes.length && this.port.fault === ""; at += room) {
      this.script.receive(handle, bytes.subarray(at, at + room));
    }
    if (ended) this.script.end(handle);
    this.settle();
  }

  #join(handle: number): { pieces: Uint8Array[]; ended: boolean } | undefined {
    if (this.#mode.cut !== "joined" || this.#draining) return undefined;
    if (this.#joined?.handle !== handle || this.#joined.ended) this.deliverJoined();
    this.#joined ??= { handle, pieces: [], ended: false };
    return this.#joined;
  }

  /** Delivers the end of the peer's half. */
  end(handle: number): void {
    const joined = this.#join(handle);
    if (joined === undefined) this.script.end(handle);
    else joined.ended = true;
  }

  /** Delivers bytes as the mode cuts them; `split`: at the place that it names, too. */
  arrive(handle: number, bytes: Uint8Array, split: boolean): void {
    const joined = this.#join(handle);
    if (joined !== undefined) {
      joined.pieces.push(bytes);
      return;
    }
    if (split) this.arrivals.push(this.arrived);
    for (let at = 0; at < bytes.length && this.port.fault === ""; ) {
      const size = this.#pieceSize(bytes.length - at, split);
      this.script.receive(handle, bytes.subarray(at, at + size));
      this.settle();
      at += size;
      if (split) this.arrived += size;
    }
  }

  /** Gives bytes back to a stream, whatever the host does meanwhile. */
  unread(handle: number, bytes: Uint8Array): void {
    const { exports, memory, received, self } = this.core;
    const piece = this.#mode.cut === "bytes" ? 1 : this.limits.recvBuffer;
    for (let at = 0; at < bytes.length; at += piece) {
      const some = bytes.subarray(at, at + piece);
      memory.writeBytes(received, some.length, some);
      this.#drain(exports.twc_unread(self, handle, some.length));
      this.settle();
    }
  }

  #pieceSize(left: number, split: boolean): number {
    const { cut } = this.#mode;
    const whole = Math.min(left, this.limits.recvBuffer);
    if (cut === "bytes") return 1;
    if (!split || typeof cut !== "number" || cut <= this.arrived) return whole;
    return Math.min(whole, cut - this.arrived);
  }

  /** Lets time pass: ticks when the core asked for it, as a host does. */
  advance(ms: number): void {
    const { exports, self } = this.core;
    let left = ms;
    for (let idle = 0; this.port.fault === ""; ) {
      const step = Math.min(exports.twc_wait(self) >>> 0, left);
      idle = step === 0 ? idle + 1 : 0;
      if (idle > QUIET_AFTER) this.port.fail(undefined, "twc_wait stays 0");
      this.port.clock.nowMs += step;
      left -= step;
      this.#drain(exports.twc_tick(self, this.port.clock.nowMs >>> 0));
      this.settle();
      if (left === 0) break;
    }
  }

  /** A host that comes late: one tick for all that fell due. */
  tick(ms: number): void {
    this.port.clock.nowMs += ms;
    this.#drain(this.core.exports.twc_tick(this.core.self, this.port.clock.nowMs >>> 0));
  }

  /** Milliseconds to the next timer. */
  wait(): number | "forever" {
    const wait = this.core.exports.twc_wait(this.core.self) >>> 0;
    return wait === FOREVER ? "forever" : wait;
  }
}
