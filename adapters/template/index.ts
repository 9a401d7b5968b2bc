/**
 * A port to copy. It type-checks and returns ERR_UNSUPPORTED for every socket. ../port.ts defines each function.
 *
 * How to write the next one:
 *
 * 1. Copy this folder to adapters/NAME. It may import ../port.ts, ../../wasm/abi.gen.ts, ../shared/ and modules of the
 *    runtime, nothing else. A runtime that has Node's modules for all but sockets extends ../shared/port.ts instead, as
 *    ../bun/index.ts does: then only the sockets are left to write.
 * 2. Write `socket.ts` first, as a client of TCP: open, write, read, close, address. With that much the handle API and
 *    WebSocket clients work. What the runtime lacks stays as it is here: ERR_UNSUPPORTED is a valid answer.
 * 3. Add shutdown, then listeners, UDP, TLS, Unix sockets, each with its suite.
 * 4. Pass every suite of test/adapters: `portSuite("NAME", createPort)` and so on in test/adapters/NAME.test.ts.
 *    They are the contract in a form that can fail.
 * 5. Point the runtime's condition of "#host" in package.json at the compiled folder.
 *
 * What went wrong in adapters before:
 *
 * - A runtime that calls back inside its own write or close. Nothing may be delivered before the call of `Port` has
 *   returned: put it off by `queueMicrotask`.
 * - Bytes that the runtime still reads after `written` reported them. The core reuses them immediately. A runtime that
 *   copies is done with them when its write returns; another one is when it calls back.
 * - Bytes reported by `written` although the write failed, or datagrams that `close` dropped.
 * - A shutdown that stops reading, so that the following close resets the connection.
 * - The end, or bytes that were decrypted already, delivered while reading is off.
 * - An accepted connection whose first bytes come before the engine has its handle: keep it paused until `accepted` has
 *   returned.
 * - A runtime that ends our half when the peer ends theirs. The core decides about half-closed streams.
 * - Anything delivered after `close`. Record that it is closed, and check that in every callback.
 */
import { type AddressOf, type Close, Errors, FOREVER, type SocketKind } from "../../wasm/abi.gen.ts";
import type { Clock, Port, PortEvents, PortMemory, Resolution, SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { openSocket, type TemplateSocket } from "./socket.ts";

const STATE = Errors.ERR_STATE.value;
const UNSUPPORTED = Errors.ERR_UNSUPPORTED.value;

/** `setTimeout` cannot wait longer; the engine then sets a new one. */
const LONGEST = 0x7fffffff;

/** Makes the port of a new engine. */
export function createPort(): Port {
  return new TemplatePort();
}

class TemplatePort implements Port {
  /** The runtime's name in documentation and error messages. */
  readonly name = "template";
  readonly clock = new TemplateClock();
  /** What the runtime reported when a call last returned an error: it becomes the `cause` of the application's. */
  cause: unknown;
  readonly #sockets = new Map<number, TemplateSocket>();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  /** An error that is certain at once is returned and nothing is delivered; any other comes as `closed`. */
  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    this.cause = undefined;
    if (this.#deliver === undefined || this.#memory === undefined) return STATE;
    const place = {
      handle,
      deliver: this.#deliver,
      memory: this.#memory,
      forget: () => this.#sockets.delete(handle),
    };
    try {
      const socket = openSocket(place, kind, { name, port, options, tls });
      if (socket === undefined) return UNSUPPORTED;
      this.#sockets.set(handle, socket);
      return 0;
    } catch (error) {
      this.cause = error; /* a real port turns it into a number of the table, as node/errors.ts does */
      return Errors.ERR_HOST.value;
    }
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    return this.#sockets.get(handle)?.write(pieces) ?? STATE;
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    return this.#sockets.get(handle)?.sendTo(address, port, data) ?? STATE;
  }

  shutdown(handle: number): void {
    this.#sockets.get(handle)?.shutdown();
  }

  connectUdp(handle: number, _address: string, _port: number): number {
    return this.#sockets.has(handle) ? UNSUPPORTED : STATE;
  }

  startTls(handle: number, _name: string, _options: TlsOptions): number {
    return this.#sockets.has(handle) ? UNSUPPORTED : STATE;
  }

  tlsInfo(_handle: number): TlsInfo | undefined {
    return undefined;
  }

  /** A runtime without a look-up of its own says so; never by a rejected promise. */
  resolve(_host: string, _family: 0 | 4 | 6): Promise<Resolution> {
    return Promise.resolve({ error: UNSUPPORTED, addresses: [] });
  }

  read(handle: number, on: boolean): void {
    this.#sockets.get(handle)?.read(on);
  }

  /** Forgotten first: whatever the runtime still reports of it is dropped. */
  close(handle: number, how: Close): void {
    const socket = this.#sockets.get(handle);
    this.#sockets.delete(handle);
    socket?.close(how);
  }

  address(handle: number, which: AddressOf): string | number {
    return this.#sockets.get(handle)?.address(which) ?? STATE;
  }

  /** Every runtime of today has this one. It must be a generator for keys: masks and nonces come from here. */
  random(target: Uint8Array): void {
    const fresh = new Uint8Array(target.length); /* getRandomValues refuses WebAssembly's memory in some runtimes */
    crypto.getRandomValues(fresh);
    target.set(fresh);
  }

  /** A runtime whose sockets always keep the process alive does nothing here. */
  keep(_handle: number, _on: boolean): void {}

  /** A host that does not know returns true: what fails then fails with its own error. */
  isUp(): boolean {
    return true;
  }
}

/** Time by what every runtime has. One with `ref` and `unref` uses them in `keep`. */
class TemplateClock implements Clock {
  #deliver: PortEvents | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  attach(deliver: PortEvents): void {
    this.#deliver = deliver;
  }

  now(): number {
    return performance.now();
  }

  wake(delayMs: number): void {
    clearTimeout(this.#timer);
    if (delayMs === FOREVER) return;
    this.#timer = setTimeout(() => this.#deliver?.wake(), Math.min(delayMs, LONGEST));
  }

  /** `setImmediate` where there is one: a timer of 0 waits a millisecond. */
  later(): void {
    setTimeout(() => this.#deliver?.later(), 0);
  }

  keep(_on: boolean): void {}
}
