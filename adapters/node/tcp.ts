import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory } from "../port.ts";
import { formatAddress } from "./address.ts";
import { errorNumber } from "./errors.ts";

const NOTHING = Buffer.alloc(0);

/** A TCP connection of one handle over node:net. Node reads straight into the core's memory. */
export class TcpSocket {
  readonly #handle: number;
  readonly #deliver: PortEvents;
  readonly #socket: Socket;
  /** Bytes that Node has taken and not yet written: the core lends them until then. */
  #borrowed = 0;
  #reading = true;
  /** The peer's end came while reading was off. */
  #endHeld = false;
  #closed = false;
  #error: Error | undefined;

  /** `forget` is called before the socket's last delivery. */
  constructor(handle: number, host: string, port: number, deliver: PortEvents, memory: PortMemory, forget: () => void) {
    this.#handle = handle;
    this.#deliver = deliver;
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      allowHalfOpen: true,
      autoSelectFamily: true,
      onread: { buffer: memory.received, callback: (size) => this.#received(size) },
    });
    this.#socket.on("connect", () => {
      if (!this.#closed) deliver.connected(handle);
    });
    this.#socket.on("end", () => this.#ended());
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.#socket.on("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      forget();
      deliver.closed(handle, this.#error === undefined ? 0 : errorNumber(this.#error), this.#error);
    });
  }

  /** As `Port.write`. */
  write(pieces: readonly Uint8Array[]): number {
    const socket = this.#socket;
    if (socket.destroyed) return 0;
    const size = pieces.length === 1 ? this.#writeOne(pieces[0] as Uint8Array) : this.#writeAll(pieces);
    /* Node tries the kernel first and queues only what it did not take: with nothing queued, the bytes are free. */
    if (socket.writableLength === 0) return size;
    this.#borrowed = size;
    /* Written in order, so the call-back of an empty write comes when all before it is done. */
    socket.write(NOTHING, () => this.#written());
    return 0;
  }

  read(on: boolean): void {
    if (on === this.#reading) return;
    this.#reading = on;
    if (!on) {
      this.#socket.pause();
      return;
    }
    this.#socket.resume();
    if (this.#endHeld) queueMicrotask(() => this.#ended());
  }

  /** Ends orderly: FIN goes out behind what was written. */
  end(): void {
    this.#closed = true;
    /* Bytes that are still borrowed may not be read any more, so what Node has queued of them can't be sent. */
    if (this.#borrowed > 0 || this.#socket.connecting) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  /** Ends at once: RST. */
  abort(): void {
    this.#closed = true;
    if (this.#socket.connecting || this.#socket.destroyed) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  address(which: AddressOf): string | number {
    const socket = this.#socket;
    const local = which === AddressOf.LOCAL;
    const address = local ? socket.localAddress : socket.remoteAddress;
    const port = local ? socket.localPort : socket.remotePort;
    if (address === undefined || port === undefined) return Errors.ERR_STATE.value;
    return formatAddress(address, port);
  }

  keep(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  #received(size: number): boolean {
    if (!this.#closed) this.#deliver.received(this.#handle, size);
    return this.#reading;
  }

  #ended(): void {
    if (this.#closed) return;
    this.#endHeld = !this.#reading;
    if (this.#reading) this.#deliver.ended(this.#handle);
  }

  #written(): void {
    const size = this.#borrowed;
    this.#borrowed = 0;
    if (!this.#closed && !this.#socket.destroyed && size > 0) this.#deliver.written(this.#handle, size);
  }

  #writeOne(piece: Uint8Array): number {
    this.#socket.write(piece);
    return piece.length;
  }

  #writeAll(pieces: readonly Uint8Array[]): number {
    let size = 0;
    this.#socket.cork();
    for (const piece of pieces) size += this.#writeOne(piece);
    this.#socket.uncork();
    return size;
  }
}
