import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { type ConnectionOptions, TLSSocket } from "node:tls";
import { type AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { endAddress } from "../shared/address.ts";
import { errorNumber } from "../shared/errors.ts";
import { race } from "../shared/race.ts";
import type { Place, StreamHandle, Target } from "../shared/sockets.ts";
import { pinError, tlsErrorNumber } from "../shared/tls.ts";
import { type ByteStream, configure, connectPlain, connectSecure, putTls, type Source, upgrade } from "./connect.ts";
import { Inbound } from "./inbound.ts";
import { plainError, secureServer, tlsClientOptions, tlsInfoOf } from "./tls.ts";
import type { Traits } from "./traits.ts";

const NOTHING = Buffer.alloc(0);

/** The key under which a socket has its `StreamSocket`: its listeners are shared by all, as a connection is cheaper without. */
const OWNER = Symbol("twinwire.owner");

interface Owned {
  [OWNER]?: StreamSocket;
}

let received: (owner: StreamSocket, bytes: Buffer<ArrayBuffer>) => void;
let ended: (owner: StreamSocket, socket: Owned) => void;
let failed: (owner: StreamSocket, error: Error) => void;
let closed: (owner: StreamSocket, socket: Owned) => void;

function onData(this: Owned, bytes: Buffer<ArrayBuffer>): void {
  if (this[OWNER] !== undefined) received(this[OWNER], bytes);
}

function onEnd(this: Owned): void {
  if (this[OWNER] !== undefined) ended(this[OWNER], this);
}

function onError(this: Owned, error: Error): void {
  if (this[OWNER] !== undefined) failed(this[OWNER], error);
}

function onClose(this: Owned): void {
  if (this[OWNER] !== undefined) closed(this[OWNER], this);
}

/** Where TLS stands. */
type TlsState = "none" | "securing" | "secured";

/**
 * The stream of one handle over node:net and node:tls. Where the runtime allows it (connections that were made here, TLS
 * from the start) it reads straight into the core's memory; else one copy brings the bytes there.
 */
export class StreamSocket implements StreamHandle {
  readonly #place: Place;
  readonly #source: Source;
  readonly #options: SocketOptions;
  readonly #inbound: Inbound;
  /** What bytes are written to and read from: the TLS socket once there is one. Absent until it is connected. */
  #socket: ByteStream | undefined;
  /** Whether it is a socket without TLS. */
  #plain = false;
  /** The sockets that are connecting. */
  #attempts: Set<Socket> | undefined;
  /** Ends all attempts. */
  #stop: (() => void) | undefined;
  /** The same, if it is a TLS socket. */
  #secure: TLSSocket | undefined;
  /** The socket below one that became TLS in place, or below two. */
  #below: ByteStream | undefined;
  #tls: TlsState = "none";
  #pin: string | undefined;
  /** Bytes that Node has taken and not yet written: the core lends them until then. */
  #borrowed = 0;
  #kept = true;
  #closed = false;
  #error: Error | undefined;
  #onWritten: ((error?: Error | null) => void) | undefined;

  /** @throws the error with which Node refuses the options. */
  constructor(place: Place, traits: Traits, source: Source, options: SocketOptions, tls?: TlsOptions) {
    this.#place = place;
    this.#source = source;
    this.#options = options;
    this.#inbound = new Inbound(place, traits, options.takesBytes === true);
    if ("accepted" in source) {
      this.#use(source.accepted);
      this.#secure = source.secure;
      if (this.#secure !== undefined) this.#tls = "secured";
      this.#listen(source.accepted, true);
      return;
    }
    /* What is wrong with the options is known at once. */
    const secure = tls && tlsClientOptions(tls, source.host ?? "");
    const { outerTls } = options;
    const outer = outerTls && tlsClientOptions(outerTls, source.host ?? "");
    const onread = { buffer: place.memory.received, callback: (size: number) => this.#inbound.received(size) };
    const inPlace = outer === undefined && (secure !== undefined || traits.readsInPlace);
    const begin = (target: Target, ended: (error?: Error) => void): (() => void) => {
      const socket = secure
        ? connectSecure(target, secure, onread)
        : connectPlain(target, options, inPlace ? onread : undefined);
      const connected = (): void => this.#connected(socket, inPlace, tls);
      return this.#attempt(socket, ended, outer ? () => this.#secureOuter(socket, outer, outerTls.pin) : connected);
    };
    if (source.path === undefined)
      this.#stop = race(
        source.host,
        (host, ended) => begin({ host, port: source.port }, ended),
        (error) => this.#gone(error),
        options.allows,
      );
    else this.#stop = begin(source, (error) => error && this.#gone(error));
  }

  /** Lets the bytes of an accepted connection come, now that the engine knows it. */
  start(): void {
    if (!this.#closed && this.#inbound.reading && this.#tls !== "securing") this.#socket?.resume();
  }

  /** As `Port.write`. */
  write(pieces: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return 0;
    if (!this.#plain) return this.#lend(socket, pieces);
    const size = this.#writeAll(socket, pieces);
    /* Node tries the kernel first and queues only what it did not take: with nothing queued, the bytes are free. */
    if (socket.writableLength === 0) return socket.errored === null ? size : 0;
    this.#borrowed = size;
    /* Written in order, so the callback of an empty write is called when all before it is done. */
    socket.write(NOTHING, this.#written);
    return 0;
  }

  /** Ends our half: FIN, behind TLS's close_notify if there is TLS. Reading goes on. */
  shutdown(): void {
    if (this.#socket?.destroyed === false) this.#socket.end();
  }

  /**
   * As `Port.startTls`.
   *
   * @throws the error with which Node refuses the options.
   */
  startTls(name: string, options: TlsOptions): number {
    const below = this.#socket;
    if (this.#tls !== "none" || !(below instanceof Socket) || below.destroyed) return Errors.ERR_STATE.value;
    const source = this.#source;
    if (this.#secure === undefined) {
      if ("accepted" in source) this.#serve(below, options);
      else this.#become(upgrade(below, source, name, options), options);
      this.#below ??= below;
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
    const socket = this.#socket;
    /* Bytes that are still borrowed may not be read any more, so what Node has queued of them can't be sent. */
    if (this.#borrowed > 0 && (this.#secure !== undefined || socket instanceof Socket)) socket?.destroy();
    else if (socket?.destroySoon !== undefined) socket.destroySoon();
    else socket?.end(() => socket.destroy());
  }

  /** Ends at once: RST where Node has a way to send one. */
  abort(): void {
    this.#close();
    const socket = this.#below ?? this.#socket;
    const canReset = this.#source.path === undefined && socket !== this.#secure;
    if (canReset && socket?.destroyed === false) socket.resetAndDestroy?.();
    this.#socket?.destroy();
  }

  address(which: AddressOf): string | number {
    return endAddress(this.#socket, which, this.#source.path, "accepted" in this.#source);
  }

  keep(on: boolean): void {
    this.#kept = on;
    for (const socket of [...(this.#attempts ?? []), this.#socket]) {
      if (on) socket?.ref?.();
      else socket?.unref?.();
    }
  }

  /** Waits for a socket that is connecting. Returns what gives it up. */
  #attempt(socket: Socket, ended: (error?: Error) => void, connected: () => void): () => void {
    let failure: Error | undefined;
    const failed = (error: Error): void => {
      failure ??= error;
    };
    this.#attempts ??= new Set();
    const attempts = this.#attempts;
    const gone = (): void => {
      attempts.delete(socket);
      ended(failure ?? new Error("the attempt was given up"));
    };
    socket.on("error", failed);
    socket.once("close", gone);
    socket.once("connect", () => {
      if (this.#closed) return;
      socket.off("close", gone);
      attempts.delete(socket);
      ended();
      connected();
    });
    attempts.add(socket);
    if (!this.#kept) socket.unref();
    return () => {
      socket.off("close", gone);
      attempts.delete(socket);
      socket.destroy();
    };
  }

  /** Begins TLS with what was connected to. What is in it is a stream like any other. */
  #secureOuter(below: Socket, options: ConnectionOptions, pin: string | undefined): void {
    const socket = putTls(below, options);
    const failed = (error: Error): void => {
      this.#error ??= error;
    };
    const gone = (): void => {
      this.#attempts?.delete(socket);
      this.#gone(this.#error, "with the proxy");
    };
    this.#below = below;
    this.#attempts ??= new Set();
    this.#attempts.add(socket);
    this.#stop = () => socket.destroy();
    socket.on("error", failed);
    socket.once("close", gone);
    socket.once("secureConnect", () => {
      if (this.#closed) return;
      this.#error = pinError(socket, pin);
      if (this.#error !== undefined) {
        socket.destroy();
        return;
      }
      this.#stop = undefined;
      this.#attempts?.delete(socket);
      socket.off("close", gone);
      socket.off("error", failed);
      this.#connected(socket, false, undefined);
    });
    if (!this.#kept) socket.unref();
  }

  /** `copies`: the bytes come in memory of Node's own. */
  #listen(socket: ByteStream, copies: boolean): void {
    (socket as Owned)[OWNER] = this;
    this.#inbound.from(socket, copies ? onData : undefined);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
  }

  static {
    received = (owner, bytes) => owner.#inbound.copied(bytes);
    ended = (owner, socket) => {
      if (socket === owner.#socket) owner.#ended();
    };
    failed = (owner, error) => {
      owner.#error ??= error;
    };
    closed = (owner, socket) => {
      if (socket === owner.#socket && !owner.#serving) owner.#gone(owner.#error);
    };
  }

  /** A server's handshake is under way. It reports its end and the reason itself. */
  get #serving(): boolean {
    return this.#tls === "securing" && "accepted" in this.#source;
  }

  #serve(below: Socket, options: TlsOptions): void {
    const server = secureServer(options);
    this.#inbound.from(undefined, undefined);
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
    this.#use(socket);
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
    this.#socket?.destroy();
  }

  #connected(socket: Socket, inPlace: boolean, tls: TlsOptions | undefined): void {
    this.#use(socket);
    this.#listen(socket, !inPlace);
    if (!this.#inbound.reading) socket.pause();
    if (tls !== undefined && socket instanceof TLSSocket) {
      this.#secure = socket;
      this.#watchHandshake(tls);
      configure(socket, this.#options);
    }
    this.#place.deliver.connected(this.#place.handle);
  }

  #ended(): void {
    /* Half a handshake leads nowhere: Node closes the socket. */
    if (this.#tls !== "securing") this.#inbound.ended(!(this.#socket instanceof TLSSocket));
  }

  /** `outer`: it was in a handshake before it was connected; with whom. */
  #gone(error: Error | undefined, outer?: string): void {
    if (this.#closed) return;
    this.#close();
    const { handle, deliver } = this.#place;
    this.#place.forget();
    const securing = this.#tls === "securing" || outer !== undefined;
    const number = securing ? tlsErrorNumber(error) : error === undefined ? 0 : errorNumber(error);
    const cause = plainError(error);
    const reason = cause?.message ?? "it ended the connection";
    deliver.closed(handle, number, outer === undefined ? cause : new Error(`TLS ${outer}: ${reason}`, { cause }));
  }

  /** Nothing is delivered any more. */
  #close(): void {
    this.#closed = true;
    this.#stop?.();
    this.#inbound.close();
  }

  /** The write that borrowed bytes is done. How much of a failed one was written is unknown; `closed` follows. */
  #wrote(error?: Error | null): void {
    const size = this.#borrowed;
    this.#borrowed = 0;
    if (error || this.#closed || this.#socket?.destroyed !== false || size === 0) return;
    this.#place.deliver.written(this.#place.handle, size);
  }

  /** Most connections never borrow. */
  get #written(): (error?: Error | null) => void {
    this.#onWritten ??= (error) => this.#wrote(error);
    return this.#onWritten;
  }

  #use(socket: ByteStream): void {
    this.#socket = socket;
    this.#plain = socket instanceof Socket && !(socket instanceof TLSSocket);
  }

  /** Writes to what uses the bytes until it calls back, so none are taken at once. */
  #lend(socket: ByteStream, pieces: readonly Uint8Array[]): number {
    if (socket instanceof TLSSocket) {
      this.#borrowed = this.#writeAll(socket, pieces, this.#written);
      return 0;
    }
    /* A Duplex may call back for bytes that it only passes on. */
    const copy = Buffer.concat(pieces);
    this.#borrowed = copy.length;
    socket.write(copy, this.#written);
    return 0;
  }

  /** Writes the pieces as one; `done` is called when Node has let go of them. Returns their bytes. */
  #writeAll(socket: ByteStream, pieces: readonly Uint8Array[], done?: (error?: Error | null) => void): number {
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
