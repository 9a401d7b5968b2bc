import { EventEmitter } from "node:events";
import { AddressOf } from "../../wasm/abi.gen.ts";
import type { TlsInfo } from "../../wasm/socket-options.ts";
import type { Connection } from "../websocket/connection.ts";
import type { Facade } from "./facade.ts";

/** An address and its port. */
function split(address: string | number): { host: string | undefined; port: number | undefined } {
  if (typeof address !== "string" || address === "") return { host: undefined, port: undefined };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}

/** What dependents look at in the `_socket` of a client: its addresses, its counts, its end. The socket is the engine's. */
export class SocketView extends EventEmitter {
  readonly encrypted: boolean;
  readonly #facade: Facade;
  readonly #connection: Connection;
  readonly #remote: string | number;
  readonly #local: string | number;
  readonly #tls: TlsInfo | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(facade: Facade, connection: Connection, encrypted: boolean) {
    super();
    this.#facade = facade;
    this.#connection = connection;
    this.encrypted = encrypted;
    this.#remote = connection.engine.address(connection.handle, AddressOf.REMOTE);
    this.#local = connection.engine.address(connection.handle, AddressOf.LOCAL);
    this.#tls = encrypted ? connection.engine.tlsInfo(connection.handle) : undefined;
    facade.emitter.once("close", () => {
      clearInterval(this.#timer);
      this.emit("close", false);
    });
  }

  get remoteAddress(): string | undefined {
    return split(this.#remote).host;
  }

  get remotePort(): number | undefined {
    return split(this.#remote).port;
  }

  get remoteFamily(): "IPv4" | "IPv6" {
    return this.remoteAddress?.includes(":") ? "IPv6" : "IPv4";
  }

  get localAddress(): string | undefined {
    return split(this.#local).host;
  }

  get localPort(): number | undefined {
    return split(this.#local).port;
  }

  get bytesRead(): number {
    return this.#connection.stats.received;
  }

  get bytesWritten(): number {
    return this.#connection.stats.sent;
  }

  /** Whether the server's certificate passed every check. */
  get authorized(): boolean {
    return this.#tls?.authorized === true;
  }

  get alpnProtocol(): string | false {
    return this.#tls?.alpn || false;
  }

  get destroyed(): boolean {
    return this.#facade.readyState === 3;
  }

  get readable(): boolean {
    return !this.destroyed;
  }

  get writable(): boolean {
    return this.#facade.readyState < 2;
  }

  /** Emits `timeout` after so much silence; 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (listener !== undefined) this.once("timeout", listener);
    if (ms <= 0) return this;
    let before = this.bytesRead + this.bytesWritten;
    this.#timer = setInterval(() => {
      const now = this.bytesRead + this.bytesWritten;
      if (now === before) this.emit("timeout");
      before = now;
    }, ms);
    (this.#timer as { unref?(): void }).unref?.();
    return this;
  }

  /** It is on, and stays so. */
  setNoDelay(): this {
    return this;
  }

  /** Without effect. */
  setKeepAlive(): this {
    return this;
  }

  pause(): this {
    this.#facade.read(false);
    return this;
  }

  resume(): this {
    this.#facade.read(true);
    return this;
  }

  ref(): this {
    if (!this.#connection.released) this.#connection.engine.keep(this.#connection, true);
    return this;
  }

  unref(): this {
    if (!this.#connection.released) this.#connection.engine.keep(this.#connection, false);
    return this;
  }

  /** Ends the connection at once. */
  destroy(): this {
    this.#facade.terminate();
    return this;
  }

  end(): this {
    return this.destroy();
  }
}
