import { type AddressOf, Errors } from "../../wasm/abi.gen.ts";

import type { SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { endAddress } from "../shared/address.ts";
import { errorNumber } from "../shared/errors.ts";
import { race } from "../shared/race.ts";
import type { Place, StreamHandle } from "../shared/sockets.ts";
import { certificateCode, tlsErrorNumber } from "../shared/tls.ts";
import { connectError } from "./errors.ts";
import { collector } from "./garbage.ts";
import { Inbound } from "./inbound.ts";
import { Bun, type BunHandlers, type BunPlace, type BunSecureSocket, type BunSocket } from "./runtime.ts";
import { clientSide, plainError, type Side, serverSide, tlsInfoOf } from "./tls.ts";
import { writeAll } from "./write.ts";

/** What a stream is made from: where it connects to, or what a listener (at a path, for Unix) accepted. */
export type Source = BunPlace | { readonly accepted: BunSocket<StreamSocket>; readonly path: string | undefined };

/** What a connection calls, for all of them: whose it is stands in its `data`. */
export const plainHandlers = {
  data: (socket, bytes) => socket.data?.received(socket, bytes),
  drain: (socket) => socket.data?.drained(socket),
  end: (socket) => socket.data?.ended(socket),
  close: (socket, error) => socket.data?.gone(socket, error),
} as const satisfies BunHandlers<StreamSocket | undefined>;

const connecting: BunHandlers<StreamSocket> = { ...plainHandlers, open: (socket) => socket.data.opened(socket) };
/** What TLS is put upon: Bun would hand on all that came as it came. */
const covered: BunHandlers<StreamSocket> = { drain() {} };
const securing: BunHandlers<StreamSocket> = {
  ...plainHandlers,
  handshake: (socket, trusted, error) => socket.data.shaken(socket, trusted, error),
};

/** The stream of one handle over Bun's sockets. */
export class StreamSocket implements StreamHandle {
  readonly #place: Place;
  readonly #source: Source;
  readonly #options: SocketOptions;
  readonly #inbound: Inbound;
  /** What bytes are written to and come from: TLS once there is some. There is none until it is connected. */
  #socket: BunSocket<StreamSocket> | undefined;
  /** The same, once the handshake is done. */
  #secure: BunSecureSocket<StreamSocket> | undefined;
  /** TLS, begun or done. */
  #side: Side | undefined;
  /** Bun did not take all: `written` is owed. */
  #full = false;
  #kept = true;
  /** Our half has ended; the peer's has, and that was delivered or is about to be. */
  #finished = false;
  #ended = false;
  #closed = false;
  /** Begins no more attempts. */
  #stop: (() => void) | undefined;
  /** A call of the port is under way: what Bun calls back meanwhile has to wait. */
  #called = true;

  /** @throws the error with which Bun refuses the options. */
  constructor(place: Place, source: Source, options: SocketOptions, tls?: TlsOptions) {
    this.#place = place;
    this.#source = source;
    this.#options = options;
    this.#inbound = new Inbound(place, options.takesBytes === true);
    if ("accepted" in source) {
      this.#socket = source.accepted;
      source.accepted.data = this;
      configure(source.accepted, options);
    } else {
      if (tls !== undefined) clientSide(tls, ""); /* what is wrong with the options is known at once */
      const attempt = (place: BunPlace, ended: (error?: Error) => void): (() => void) => {
        Bun.connect({ ...place, allowHalfOpen: true, data: this, socket: connecting }).then(
          () => ended(),
          (error: Error) => ended(connectError(error, place)),
        );
        return () => {}; /* there is no way to give it up: a connection that comes late is ended at once */
      };
      /* Bun would look names up itself, but keeps what it found, also when it is no longer true. */
      if ("unix" in source) attempt(source, (error) => error && this.#finish(error));
      else
        this.#stop = race(
          source.hostname,
          (hostname, ended) => attempt({ hostname, port: source.port }, ended),
          (error) => this.#finish(error),
          options.allows,
        );
    }
    this.#called = false;
  }

  /** As `Port.write`. */
  write(pieces: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (socket === undefined) return 0;
    this.#called = true;
    const { size, all } = writeAll(socket, pieces);
    this.#called = false;
    this.#full = size < all;
    return size;
  }

  /** As `Port.writePart`. */
  writePart(bytes: Uint8Array, at: number, size: number): number {
    const socket = this.#socket;
    if (socket === undefined) return 0;
    this.#called = true;
    const taken = Math.max(0, socket.write(bytes, at, size));
    this.#called = false;
    this.#full = taken < size;
    return taken;
  }

  /** Ends our half: FIN, behind TLS's close_notify if there is TLS. */
  shutdown(): void {
    this.#finished = true;
    this.#call((socket) => socket.shutdown());
  }

  /**
   * As `Port.startTls`.
   *
   * @throws the error with which Bun refuses the options.
   */
  startTls(name: string, options: TlsOptions): number {
    const below = this.#socket;
    if (this.#side !== undefined || below === undefined) return Errors.ERR_STATE.value;
    const source = this.#source;
    const host = "hostname" in source ? source.hostname : "";
    const side = "accepted" in source ? serverSide(options) : clientSide(options, name === "" ? host : name);
    /* There is no way back for what has been read: it would be missing from TLS, or pass for what TLS protects. */
    if (this.#inbound.holds) return Errors.ERR_TLS_BUFFERED.value;
    this.#called = true;
    if (!this.#inbound.reading) below.resume();
    const [raw, secure] = below.upgradeTLS({ data: this, tls: side.tls, socket: securing });
    if (!("accepted" in source)) raw.reload({ socket: covered });
    if (!this.#kept) secure.unref();
    this.#side = side;
    this.#socket = secure;
    this.#called = false;
    return 0;
  }

  tlsInfo(): TlsInfo | undefined {
    if (this.#secure === undefined || this.#side === undefined) return undefined;
    return tlsInfoOf(this.#secure, this.#side);
  }

  read(on: boolean): void {
    if (on === this.#inbound.reading) return;
    this.#inbound.read(on);
    if (this.#isSecuring) return;
    this.#call((socket) => (on ? socket.resume() : socket.pause()));
  }

  /** Ends orderly: FIN goes out behind what was written. Bun holds none of the core's bytes. */
  end(): void {
    this.#close();
    const socket = this.#socket;
    if (this.#secure === undefined) socket?.end();
    else {
      socket?.shutdown();
      socket?.close(); /* TLS would wait for the peer's word, which may never come */
    }
  }

  /** Ends at once: RST. */
  abort(): void {
    this.#close();
    this.#socket?.terminate();
  }

  address(which: AddressOf): string | number {
    const source = this.#source;
    const path = "unix" in source ? source.unix : "accepted" in source ? source.path : undefined;
    return endAddress(this.#socket, which, path, "accepted" in source);
  }

  keep(on: boolean): void {
    this.#kept = on;
    if (on) this.#socket?.ref();
    else this.#socket?.unref();
  }

  /** Bun: it is connected. */
  opened(socket: BunSocket<StreamSocket>): void {
    if (this.#called) {
      queueMicrotask(() => this.opened(socket));
      return;
    }
    if (this.#closed || this.#socket !== undefined) {
      socket.terminate();
      return;
    }
    this.#stop?.();
    this.#socket = socket;
    configure(socket, this.#options);
    if (!this.#kept) socket.unref();
    if (!this.#inbound.reading) socket.pause();
    this.#place.deliver.connected(this.#place.handle);
  }

  /** Bun: bytes have come. */
  received(socket: BunSocket<unknown>, bytes: Buffer<ArrayBuffer>): void {
    collector.count(bytes.length);
    if (socket === this.#socket && !this.#closed) this.#inbound.take(bytes);
  }

  /** Bun: it may be written to. */
  drained(socket: BunSocket<unknown>): void {
    if (!this.#full || socket !== this.#socket || this.#closed) return;
    this.#full = false;
    this.#place.deliver.written(this.#place.handle, 0);
  }

  /** Bun: the peer ended its half. Half a handshake leads nowhere: Bun ends that itself. */
  ended(socket: BunSocket<unknown>): void {
    if (socket !== this.#socket || this.#closed || this.#isSecuring || this.#ended) return;
    this.#ended = true;
    const certain = this.#side === undefined; /* Bun hides whether close_notify came */
    this.#inbound.after(() => this.#place.deliver.ended(this.#place.handle, certain));
  }

  /** Bun: TLS has begun, or can't. */
  shaken(socket: BunSecureSocket<StreamSocket>, trusted: boolean, error: Error | null): void {
    const side = this.#side;
    if (this.#closed || side === undefined || socket !== this.#socket) return;
    /* Bun reports a certificate that fails a check as a failed handshake, also where it was asked to refuse nothing. */
    const done = trusted || certificateCode(error) !== undefined;
    const wrong = done ? side.refuses(socket) : (error ?? undefined);
    if (done && wrong === undefined) {
      this.#secure = socket;
      if (!this.#inbound.reading) socket.pause();
      this.#place.deliver.secured(this.#place.handle);
      return;
    }
    this.#finish(wrong);
    socket.terminate();
  }

  /** Bun: it is gone. */
  gone(socket: BunSocket<unknown>, error: Error | undefined): void {
    if (socket !== this.#socket || this.#closed) return;
    if (this.#called) queueMicrotask(() => this.gone(socket, error));
    else if (error !== undefined || this.#isSecuring) this.#finish(error);
    else {
      if (this.#finished) this.ended(socket); /* behind our own end Bun passes over theirs */
      this.#inbound.after(() => this.#finish(undefined));
    }
  }

  get #isSecuring(): boolean {
    return this.#side !== undefined && this.#secure === undefined;
  }

  #call(call: (socket: BunSocket<StreamSocket>) => void): void {
    if (this.#socket === undefined) return;
    this.#called = true;
    call(this.#socket);
    this.#called = false;
  }

  /** The last delivery. */
  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    const number = this.#isSecuring ? tlsErrorNumber(error) : error === undefined ? 0 : errorNumber(error);
    this.#close();
    const { handle, deliver } = this.#place;
    this.#place.forget();
    deliver.closed(handle, number, plainError(error));
  }

  /** Nothing is delivered any more. */
  #close(): void {
    this.#closed = true;
    this.#stop?.();
    this.#inbound.close();
  }
}

/** Sets on a connection what was asked for. */
export function configure(socket: BunSocket<unknown>, { noDelay, keepAlive }: SocketOptions): void {
  if (noDelay === false) socket.setNoDelay(false); /* Bun has it on */
  if (keepAlive) socket.setKeepAlive(true, keepAlive === true ? 0 : keepAlive.initialDelayMs);
}
