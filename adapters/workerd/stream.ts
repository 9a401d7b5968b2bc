import { connect, type Socket, type SocketInfo } from "cloudflare:sockets";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory, TlsInfo, TlsOptions } from "../port.ts";
import { errorNumber } from "./errors.ts";

/** What a stream is given: its handle, and where it delivers. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  /** To be called before the stream's last delivery, `closed`: from then on the handle may belong to another one. */
  readonly forget: () => void;
  /** To be called before each delivery: the timers of the engine are set in the request of this stream, too. */
  readonly renewTimers: () => void;
}

/** The options of TLS that workerd has: it verifies by its own authorities, and nothing can be chosen but the name. */
function refused({ servername: _, ...others }: TlsOptions): boolean {
  const { rejectUnauthorized, ...rest } = others;
  return rejectUnauthorized === false || Object.values(rest).some((value) => value !== undefined);
}

/** A stream of TCP or TLS by connect() of cloudflare:sockets. */
export class WorkerdStream {
  readonly #place: Place;
  readonly #host: string;
  #socket: Socket;
  #info: SocketInfo = {};
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #secure = false;
  #open = false;
  #closed = false;
  #reading = true;
  /** Bytes that came while reading was off. */
  #held: Uint8Array | undefined;
  #isEnded = false;

  constructor(place: Place, host: string, port: number) {
    this.#place = place;
    this.#host = host;
    const hostname = host.includes(":") ? `[${host}]` : host;
    /* "starttls" is TCP in the clear until startTls is called, if it ever is. */
    this.#socket = connect({ hostname, port }, { secureTransport: "starttls", allowHalfOpen: true });
    this.#writer = this.#socket.writable.getWriter();
    this.#watch();
  }

  write(pieces: readonly Uint8Array[]): number {
    const all = joined(pieces);
    this.#writer.write(all).then(
      () => {
        if (this.#closed) return;
        this.#place.renewTimers();
        this.#place.deliver.written(this.#place.handle, all.length);
      },
      (error: unknown) => this.#fail(error),
    );
    return 0;
  }

  shutdown(): void {
    this.#writer.close().catch((error: unknown) => this.#fail(error));
  }

  startTls(name: string, options: TlsOptions): number {
    /* workerd verifies the name that was connected to, and takes no other. */
    const expected = options.servername ?? (name === "" ? this.#host : name);
    if (refused(options) || expected !== this.#host) return Errors.ERR_UNSUPPORTED.value;
    this.#secure = true;
    this.#open = false;
    /* The streams of the connection in the clear must be free. */
    this.#reader?.releaseLock();
    this.#reader = undefined;
    this.#writer.releaseLock();
    this.#socket = this.#socket.startTls();
    this.#writer = this.#socket.writable.getWriter();
    this.#watch();
    return 0;
  }

  tlsInfo(): TlsInfo | undefined {
    if (!this.#secure) return undefined;
    return { alpn: "", protocol: "", cipher: "", peerFingerprint: "", authorized: this.#open };
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on) queueMicrotask(() => this.#resume());
  }

  end(): void {
    this.#close();
    this.#writer
      .close()
      .then(
        () => this.#socket.close(),
        () => this.#socket.close(),
      )
      .catch(() => undefined); /* it is gone already */
  }

  abort(): void {
    this.#close();
    this.#socket.close().catch(() => undefined); /* it is gone already */
  }

  address(which: AddressOf): string | number {
    const address = which === AddressOf.LOCAL ? this.#info.localAddress : this.#info.remoteAddress;
    return typeof address === "string" ? address : Errors.ERR_UNSUPPORTED.value;
  }

  #close(): void {
    this.#closed = true;
    this.#held = undefined;
  }

  /** Reports that the socket is open, or secured, and starts to read. */
  #watch(): void {
    const socket = this.#socket;
    socket.closed.catch(() => undefined); /* reading and writing report it */
    socket.opened.then(
      (info) => {
        if (this.#closed || socket !== this.#socket) return;
        this.#info = info;
        this.#open = true;
        const { deliver, handle, renewTimers } = this.#place;
        renewTimers();
        if (this.#secure) deliver.secured(handle);
        else deliver.connected(handle);
        void this.#pull();
      },
      (error: unknown) => {
        if (socket === this.#socket) this.#fail(error);
      },
    );
  }

  /** Reads until reading is off, the end, or another socket. */
  async #pull(): Promise<void> {
    const socket = this.#socket;
    if (this.#reader !== undefined || this.#isEnded || this.#closed) return;
    const reader = socket.readable.getReader();
    this.#reader = reader;
    try {
      while (!this.#closed && this.#reading && this.#held === undefined) {
        /* TLS cannot start while a read is pending, and a pending read cannot be taken back: who has read the answer to a
           STARTTLS gets the chance to go on with TLS. */
        if (!this.#secure) await new Promise((resolve) => setTimeout(resolve, 0));
        if (this.#closed || socket !== this.#socket) return;
        if (!this.#reading) break;
        const { done, value } = await reader.read();
        if (this.#closed || socket !== this.#socket) return;
        if (done) {
          this.#isEnded = true;
          break;
        }
        this.#take(value);
      }
    } catch (error) {
      if (socket === this.#socket) this.#fail(error);
      return;
    }
    if (this.#reader !== reader) return;
    reader.releaseLock();
    this.#reader = undefined;
    this.#end();
  }

  #resume(): void {
    if (this.#closed || !this.#reading) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#take(held);
    if (this.#isEnded) this.#end();
    else if (this.#open) void this.#pull();
  }

  #end(): void {
    /* workerd reports the same end for close_notify and for a bare FIN. */
    if (!this.#isEnded || !this.#reading || this.#closed || this.#held !== undefined) return;
    this.#place.renewTimers();
    this.#place.deliver.ended(this.#place.handle, !this.#secure);
  }

  /** Delivers bytes in pieces that fit; what is left when reading stops is held. */
  #take(bytes: Uint8Array): void {
    const { deliver, handle, memory, renewTimers } = this.#place;
    renewTimers();
    for (let at = 0; at < bytes.length; ) {
      if (this.#closed) return;
      if (!this.#reading) {
        this.#held = bytes.subarray(at);
        return;
      }
      const part = bytes.subarray(at, at + memory.received.length);
      memory.received.set(part);
      at += part.length;
      deliver.received(handle, part.length);
    }
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#close();
    const { deliver, handle, forget, renewTimers } = this.#place;
    renewTimers();
    forget();
    deliver.closed(handle, errorNumber(error, this.#open, this.#secure), error);
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
