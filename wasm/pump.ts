import type { Port, PortEvents, ReceivedBytes } from "../adapters/port.ts";
import { Event, EventRecord, type Limits, MAX_ADDRESS, NONE } from "./abi.gen.ts";
import { type Core, createCore, restoreStack } from "./core.ts";
import { Diagnostics } from "./diagnostics.ts";
import { dispatch, dispatchFailure } from "./dispatch.ts";
import type { Endpoint } from "./endpoint.ts";
import { EndpointTable } from "./endpoints.ts";
import { routeImports } from "./imports.ts";
import { ReadControl, Redelivery } from "./receiving.ts";
import { report } from "./report.ts";
import { deferrer, WakeTimer } from "./timing.ts";
import { Watching } from "./trace/watcher.ts";

const NOT_ASCII = 0x80;

/** The events that an endpoint still receives after the application has closed it. */
function isFarewell(event: number): boolean {
  return event === Event.CLOSE || event === Event.DISCONNECTED;
}

/**
 * Drives the core: passes the host's deliveries to it, the resulting events to endpoints, writes what was queued, and
 * keeps the one timer. Events come only out of a delivery, so never inside an application's call.
 */
export class Pump implements PortEvents {
  readonly core: Core;
  readonly port: Port;
  readonly endpoints: EndpointTable;
  /** The bytes of the delivery that is under way, if the port gave them away. */
  ownBytes: ReceivedBytes | undefined;
  readonly diagnostics: Diagnostics;
  /** What the runtime reported when the port last refused something. */
  refusal: unknown;
  readonly #wakeTimer: WakeTimer;
  readonly #readControl: ReadControl;
  /** The time of the last tick. */
  #nowMs = -1;
  #draining = false;
  #settleQueued = false;
  #laterQueued = false;
  /** Records that a tick outside a delivery made: they wait for the next loop iteration. */
  #waiting = 0;
  readonly watching = new Watching();
  /** What `unread` is to deliver. */
  readonly #redelivery: Redelivery;
  #redeliveryQueued = false;
  /** The runtime's error in the delivery or the call that is under way, and whose it is. */
  #cause: unknown;
  #causeHandle: number = NONE;

  constructor(port: Port, limits: Limits) {
    this.port = port;
    this.endpoints = new EndpointTable(port, limits);
    this.#readControl = new ReadControl(port);
    this.core = createCore(
      limits,
      routeImports(port, {
        endpoints: this.endpoints,
        reading: this.#readControl,
        core: () => this.core,
        refused: (cause) => {
          this.refusal = cause;
        },
        failed: (handle, cause) => {
          this.refusal = cause;
          this.#cause = cause;
          this.#causeHandle = handle;
        },
        watching: this.watching,
      }),
    );
    this.#redelivery = new Redelivery(this.core, limits.recvBuffer, (ready) => this.#deliver(ready));
    this.diagnostics = new Diagnostics(this.core, port.diagnostics);
    this.#wakeTimer = new WakeTimer(port.clock);
    port.attach(this, { received: this.core.memory.view(this.core.received, limits.recvBuffer) });
  }

  connected(handle: number): void {
    this.#begin();
    this.#drain(this.core.exports.twc_connected(this.core.self, handle));
  }

  accepted(listener: number, register: (handle: number) => void): boolean {
    this.#begin();
    const { exports, self } = this.core;
    const handle = exports.twc_accepted(self, listener);
    if (handle >= 0) register(handle);
    /* Delivered first, so that the connection has its endpoint when TLS asks for its options. */
    this.#drain(exports.twc_pump(self));
    if (handle < 0) return false;
    /* With limits per address, the connection is admitted here, and TLS begins before its endpoint is known. */
    this.endpoints.accepting = this.endpoints.find(listener);
    const ready = exports.twc_connected(self, handle);
    this.endpoints.accepting = undefined;
    this.#drain(ready);
    return true;
  }

  secured(handle: number): void {
    this.#begin();
    this.#drain(this.core.exports.twc_secured(this.core.self, handle));
  }

  received(handle: number, size: number): void {
    this.#begin(size);
    this.#receive(handle, size);
  }

  given(handle: number, bytes: ReceivedBytes): void {
    this.#begin();
    /* Where the core only counts bytes, its buffer need not hold them, except for a trace, which reads them there. */
    const counted = this.endpoints.find(handle)?.takesBytes === true;
    const { memory, received } = this.core;
    if (counted) this.ownBytes = bytes;
    if (!counted || this.watching.watcher !== undefined) {
      memory.writeBytes(received, bytes.length, bytes);
    } else {
      /* The core looks for bytes that are not ASCII, for those who read text, and stops at the first one. */
      memory.bytes[received] = NOT_ASCII;
    }
    try {
      this.#receive(handle, bytes.length);
    } finally {
      this.ownBytes = undefined;
    }
  }

  ended(handle: number, certain = true): void {
    this.#begin();
    if (!certain) {
      const endpoint = this.endpoints.find(handle);
      if (endpoint?.released === false) endpoint.uncertainEnd = true;
    }
    this.#drain(this.core.exports.twc_ended(this.core.self, handle));
  }

  written(handle: number, size: number): void {
    this.#begin();
    this.#drain(this.core.exports.twc_written(this.core.self, handle, size));
  }

  closed(handle: number, error: number, cause?: unknown): void {
    this.#begin();
    this.#cause = cause;
    this.#causeHandle = handle;
    this.#drain(this.core.exports.twc_closed(this.core.self, handle, error));
  }

  datagram(handle: number, size: number, address: string, port: number): void {
    this.#begin(size);
    const { exports, memory, self, sender } = this.core;
    const addressSize = memory.writeText(sender, MAX_ADDRESS, address);
    if (addressSize > 0) this.#drain(exports.twc_datagram(self, handle, size, addressSize, port));
  }

  failed(handle: number, error: number, cause?: unknown, target?: string): void {
    const endpoint = this.endpoints.find(handle);
    if (endpoint === undefined) return;
    this.#begin();
    dispatchFailure(this, endpoint, error, cause, target);
    this.#drain(this.core.exports.twc_pump(this.core.self));
  }

  wake(): void {
    this.#wakeTimer.fired();
    this.#begin();
    this.#drain(this.core.exports.twc_pump(this.core.self));
  }

  later(): void {
    this.#laterQueued = false;
    this.#begin();
    this.#drain(this.core.exports.twc_pump(this.core.self));
    this.endpoints.sweep((handle) => this.core.exports.twc_state(this.core.self, handle) < 0);
  }

  /** Delivers bytes once more, when what is going on is done; before the next delivery in any case. */
  unread(handle: number, bytes: Uint8Array, done: (() => void) | undefined): void {
    if (!this.#draining && !this.#redeliveryQueued) {
      queueMicrotask(this.#redeliverNow);
      this.#redeliveryQueued = true;
    }
    this.#redelivery.add(handle, bytes, done);
  }

  /**
   * To be called before a call that starts a timer: without it, the timer would count from the last delivery. What falls
   * due here waits for a later loop iteration.
   */
  touchClock(): void {
    if (this.#draining || this.#waiting > 0) return;
    this.#waiting = this.#tick();
    if (this.#waiting > 0) this.queueLater();
  }

  /**
   * Has what is sent written at the end of this loop iteration, or of the drain that is under way. To be called before
   * the send: an application may call at the end of its stack, where every call can throw, and catch that.
   */
  queueSettle(): void {
    if (this.#draining || this.#settleQueued) return;
    this.#settleLater();
    this.#settleQueued = true;
  }

  /** Has events that a call may raise delivered in a later loop iteration. To be called before that call, too. */
  queueLater(): void {
    if (this.#laterQueued) return;
    this.port.clock.later();
    this.#laterQueued = true;
  }

  readonly #redeliverNow = (): void => {
    this.#redeliveryQueued = false;
    if (!this.#redelivery.waiting || this.#draining) return;
    this.#redelivery.run();
    /* Not at once: responses to it leave with everything that this loop iteration sends. */
    this.queueSettle();
  };

  readonly #settleNow = (): void => {
    this.#settleQueued = false;
    restoreStack(this.core);
    this.#settle();
  };

  readonly #settleLater = deferrer(this.#settleNow);

  /** Before a delivery, of which `size` bytes lie in the core's buffer: delivers what waits, and updates the core's time. */
  #begin(size = 0): void {
    this.#cause = undefined;
    const waiting = this.#waiting;
    this.#waiting = 0;
    if (waiting > 0) this.#deliver(waiting);
    const due = this.#tick();
    if (due > 0) this.#deliver(due);
    if (this.#redelivery.waiting) this.#redelivery.runBefore(size);
  }

  #receive(handle: number, size: number): void {
    this.#readControl.hold(handle);
    try {
      this.#drain(this.core.exports.twc_received(this.core.self, handle, size));
    } finally {
      this.#readControl.release();
    }
  }

  #tick(): number {
    const nowMs = Math.floor(this.port.clock.now());
    if (nowMs === this.#nowMs) return 0;
    const made = this.core.exports.twc_tick(this.core.self, nowMs >>> 0);
    this.#nowMs = nowMs;
    return made;
  }

  #drain(ready: number): void {
    if (ready > 0) this.#deliver(ready);
    if (this.#redelivery.waiting) {
      this.ownBytes = undefined;
      this.#redelivery.run();
    }
    this.#settle();
  }

  /** Hands `ready` records to their endpoints, and all that follow them. */
  #deliver(ready: number): void {
    this.#draining = true;
    try {
      this.#dispatchAll(ready);
    } finally {
      this.#draining = false;
    }
  }

  #dispatchAll(ready: number): void {
    const { core } = this;
    const { exports, events, memory, self } = core;
    for (let count = ready; count > 0; count = exports.twc_pump(self)) {
      const end = events + count * EventRecord.SIZE;
      this.watching.watcher?.batch(count);
      for (let record = events; record < end; record += EventRecord.SIZE) {
        const handle = memory.eventHandle(record);
        const endpoint = this.endpoints.find(handle);
        if (endpoint === undefined) {
          if (memory.eventType(record) !== Event.ACCEPTED) continue;
          this.watching.watcher?.event(record);
          this.#accept(handle, memory.eventDetail(record));
          continue;
        }
        if (endpoint.released && !isFarewell(memory.eventType(record))) continue;
        this.watching.watcher?.event(record);
        try {
          dispatch(this, record, endpoint, handle === this.#causeHandle ? this.#cause : undefined);
        } catch (error) {
          report(error);
        }
        if (endpoint.released) this.endpoints.left(endpoint, memory.eventType(record));
      }
    }
  }

  /** Asks a listener's endpoint for that of a new connection. */
  #accept(handle: number, listenerHandle: number): void {
    const listener = this.endpoints.find(listenerHandle);
    let endpoint: Endpoint | undefined;
    try {
      if (listener?.released === false) endpoint = listener.accepted(handle);
    } catch (error) {
      report(error);
    }
    if (endpoint === undefined) {
      this.core.exports.twc_close(this.core.self, handle);
      return;
    }
    endpoint.tls ??= listener?.tls;
    this.endpoints.add(endpoint, handle);
    try {
      listener?.registered(endpoint);
    } catch (error) {
      report(error);
    }
  }

  /** Writes what was queued and sets the timer. */
  #settle(): void {
    const { exports, self } = this.core;
    /* Delivered immediately, a drain after a write that the kernel took whole would let a sender starve the event loop. */
    if (exports.twc_flush(self) !== 0) this.queueLater();
    this.#wakeTimer.set(exports.twc_wait(self) >>> 0, this.#nowMs);
  }
}
