import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { endAddress } from "./address.ts";
import { configure, connectPlain, connectSecure, type Source, upgrade } from "./connect.ts";
import { errorNumber } from "./errors.ts";
import { Inbound } from "./inbound.ts";
import type { Place } from "./place.ts";
import { pinError, plainError, secureServer, tlsErrorNumber, tlsInfoOf } from "./tls.ts";

const NOTHING = Buffer.alloc(0);

/** Where TLS stands. */
type TlsState = "none" | "securing" | "secured";

/**
 * The stream of one handle over node:net and node:tls. Where the runtime allows it (connections that were made here, TLS
 * from the start) it reads straight into the core's memory; else one copy brings the bytes there.
 */
export class StreamSocket {
  readonly #place: Place;
  readonly #source: Source;
  readonly #options: SocketOptions;
  readonly #inbound: Inbound;
  /** What bytes are written to and read from: the TLS socket once there is one. */
  #socket: Socket;
  /** The same, if it is a TLS socket. */
  #secure: TLSSocket | undefined;
  /** The socket below one that became TLS in place. */
  #below: Socket | undefined;
  #tls: TlsState = "none";
  #pin: string | undefined;
  /** Bytes that Node has taken and not yet written: the core lends them until then. */
  #borrowed = 0;
  #kept = true;
  #closed = false;
  #error: Error | undefined;

  /** @throws the error with which Node refuses the options. */
  constructor(place: Place, source: Source, options: SocketOptions, tls?: TlsOptions) {
    this.#place = place;
    this.#source = source;
    this.#options = options;
    this.#inbound = new Inbound(place, options.takesBytes === true);
    if ("accepted" in source) {
      this.#socket = source.accepted;
      this.#secure = source.secure;
      if (this.#secure !== undefined) this.#tls = "secured";
      this.#listen(this.#socket, true);
      return;
    }
    const onread = { buffer: place.memory.received, callback: (size: number) => this.#inbound.received(size) };
    const inPlace = tls !== undefined || place.traits.readsInPlace;
    if (tls !== undefined) this.#secure = connectSecure(source, tls, onread);
    this.#socket = this.#secure ?? connectPlain(source, options, inPlace ? onread : undefined);
    this.#listen(this.#socket, !inPlace);
    this.#socket.on("connect", () => this.#connected());
    if (tls !== undefined) this.#watchHandshake(tls);
  }

  /** Lets the bytes of an accepted connection come, now that the engine knows it. */
  start(): void {
    if (!this.#closed && this.#inbound.reading && this.#tls !== "securing") this.#socket.resume();
  }

  /** As `Port.write`. */
  write(pieces: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (socket.destroyed) return 0;
    if (this.#secure !== undefined) {
      this.#borrowed = this.#writeAll(pieces, () => this.#written());
      return 0;
    }
    const size = this.#writeAll(pieces);
    /* Node tries the kernel first and queues only what it did not take: with nothing queued, the bytes are free. */
    if (socket.writableLength === 0) return size;
    this.#borrowed = size;
    /* Written in order, so the call-back of an empty write comes when all before it is done. */
    socket.write(NOTHING, () => this.#written());
    return 0;
  }

  /** Ends our half: FIN, behind TLS's close_notify if there is TLS. */
  shutdown(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  /**
   * As `Port.startTls`.
   *
   * @throws the error with which Node refuses the options.
   */
  startTls(name: string, options: TlsOptions): number {
    if (this.#tls !== "none" || this.#socket.destroyed) return Errors.ERR_STATE.value;
    const source = this.#source;
    if (this.#secure === undefined) {
      const below = this.#socket;
      if ("accepted" in source) this.#serve(below, options);
      else this.#become(upgrade(below, source, name, options), options);
      this.#below = below;
    } /* else it began by itself, as soon as the connection was there */
    this.#tls = "securing";
    return 0;
  }

  tlsInfo(): TlsInfo | undefined {
    return this.#tls === "secured" && this.#secure !== undefined ? tlsInfoOf(this.#secure) : undefined;
  }

  read(on: boolean): void {
    this.#inbound.read(on);
  }

  /** Ends orderly: FIN goes out behind what was written. */
  end(): void {
    this.#close();
    /* Bytes that are still borrowed may not be read any more, so what Node has queued of them can't be sent. */
    if (this.#borrowed > 0 || this.#socket.connecting) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  /** Ends at once: RST where Node has a way to send one. */
  abort(): void {
    this.#close();
    const socket = this.#below ?? this.#socket;
    const canReset = this.#source.path === undefined && socket !== this.#secure;
    if (canReset && !socket.connecting && !socket.destroyed) socket.resetAndDestroy();
    this.#socket.destroy();
  }

  address(which: AddressOf): string | number {
    return endAddress(this.#socket, which, this.#source);
  }

  keep(on: boolean): void {
    this.#kept = on;
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /** `copies`: the bytes come in memory of Node's own. */
  #listen(socket: Socket, copies: boolean): void {
    this.#inbound.from(socket, copies);
    socket.on("end", () => {
      if (socket === this.#socket) this.#ended();
    });
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => {
      if (socket === this.#socket && !this.#serving) this.#gone(this.#error);
    });
  }

  /** A server's handshake is under way. It tells of its end, and of why, itself. */
  get #serving(): boolean {
    return this.#tls === "securing" && "accepted" in this.#source;
  }

  #serve(below: Socket, options: TlsOptions): void {
    const server = secureServer(options);
    this.#inbound.from(undefined, false);
    server.secure(below, {
      secured: (socket) => {
        this.#become(socket, options);
        this.#secured();
      },
      failed: (error) => this.#gone(error),
    });
  }

  /** TLS takes the place of what was below. */
  #become(socket: TLSSocket, options: TlsOptions): void {
    this.#secure = socket;
    this.#socket = socket;
    this.#listen(socket, true);
    this.#watchHandshake(options);
    if (!this.#kept) socket.unref();
  }

  #watchHandshake({ pin }: TlsOptions): void {
    this.#pin = pin;
    this.#secure?.on("secureConnect", () => this.#secured());
  }

  #secured(): void {
    if (this.#closed || this.#secure === undefined) return;
    const error = pinError(this.#secure, this.#pin);
    if (error === undefined) {
      this.#tls = "secured";
      this.#place.deliver.secured(this.#place.handle);
      return;
    }
    this.#gone(error);
    this.#socket.destroy();
  }

  #connected(): void {
    if (this.#closed) return;
    if (this.#secure !== undefined) configure(this.#secure, this.#options);
    this.#place.deliver.connected(this.#place.handle);
  }

  #ended(): void {
    /* Half a handshake leads nowhere: Node closes the socket. */
    if (this.#tls !== "securing") this.#inbound.ended();
  }

  #gone(error: Error | undefined): void {
    if (this.#closed) return;
    this.#close();
    const { handle, deliver, forget } = this.#place;
    forget();
    const number = this.#tls === "securing" ? tlsErrorNumber(error) : error === undefined ? 0 : errorNumber(error);
    deliver.closed(handle, number, plainError(error));
  }

  /** Nothing is delivered any more. */
  #close(): void {
    this.#closed = true;
    this.#inbound.close();
  }

  #written(): void {
    const size = this.#borrowed;
    this.#borrowed = 0;
    if (!this.#closed && !this.#socket.destroyed && size > 0) this.#place.deliver.written(this.#place.handle, size);
  }

  /** Writes the pieces as one; `done` is called when Node has let go of them. Returns their bytes. */
  #writeAll(pieces: readonly Uint8Array[], done?: () => void): number {
    const socket = this.#socket;
    const last = pieces.length - 1;
    let size = 0;
    if (last > 0) socket.cork();
    for (let index = 0; index <= last; index++) {
      const piece = pieces[index] as Uint8Array;
      size += piece.length;
      if (index === last && done !== undefined) socket.write(piece, done);
      else socket.write(piece);
    }
    if (last > 0) socket.uncork();
    return size;
  }
}
