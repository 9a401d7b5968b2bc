import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "../node-api/address.ts";
import { errorNumber } from "../node-api/errors.ts";
import type { Place } from "./place.ts";
import { Bun, type BunUdpHandlers, type BunUdpSocket } from "./runtime.ts";

/** Bytes of datagrams that are kept while reading is off; Bun has no way to leave them with the kernel. */
const QUEUE = 262_144;

/** Bun's flag for a socket that is for IPv6 alone. Without it, it takes both families, and its port must be another. */
const IPV6_ONLY = 8;

const anyAddress = { 4: "0.0.0.0", 6: "::" } as const;

/** Who sent a datagram. */
interface Sender {
  readonly address: string;
  readonly port: number;
}

/**
 * The UDP socket of one handle over Bun.udpSocket. One that is bound to no address is bound for IPv4; the first datagram
 * to an IPv6 address opens a second one for IPv6 at the same port, and what comes back to it is delivered for the same
 * handle. A peer is given to a socket by making it anew, at the same port.
 */
export class UdpSocket {
  readonly #place: Place;
  readonly #family: 4 | 6;
  /** What it was to be bound to. */
  readonly #local: string;
  #main: BunUdpSocket | undefined;
  #other: BunUdpSocket | undefined;
  /** Which of the two has a peer. */
  #connected: BunUdpSocket | undefined;
  #reading = true;
  #kept = true;
  /** The socket that last refused a datagram, until it has room. */
  #full: BunUdpSocket | undefined;
  /** Datagrams that came while reading was off. */
  #held: [Buffer, Sender][] = [];
  #heldSize = 0;

  /** @throws the error with which binding failed. */
  constructor(place: Place, address: string, port: number) {
    this.#place = place;
    this.#family = isIP(address) === 6 ? 6 : 4;
    this.#local = address;
    this.#main = this.#bind(this.#family, port);
  }

  /** As `Port.sendTo`, but what the runtime reports is thrown. */
  sendTo(address: string, port: number, data: Uint8Array): number {
    const toPeer = address === "";
    const socket = toPeer ? this.#connected : this.#socketFor(address);
    if (this.#main === undefined || (toPeer && socket === undefined)) return Errors.ERR_STATE.value;
    if (!toPeer && this.#connected !== undefined) return Errors.ERR_ADDRESS.value;
    if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
    const taken = toPeer ? socket.send(data) : socket.send(data, port, address);
    if (taken) return data.length;
    this.#full = socket;
    return Errors.ERR_BACKPRESSURE.value;
  }

  /** As `Port.connectUdp`, but what the runtime reports is thrown. */
  connect(address: string, port: number): number {
    const before = this.#socketFor(address);
    if (this.#main === undefined) return Errors.ERR_STATE.value;
    if (before === undefined) return Errors.ERR_UNREACHABLE.value;
    const own = before.address.port;
    const family = isIP(address) === 6 ? 6 : 4;
    before.close();
    try {
      this.#connected = this.#replace(before, () => this.#bind(family, own, { hostname: address, port }));
    } catch (error) {
      this.#connected = undefined;
      this.#restore(before, () => this.#bind(family, own));
      throw error;
    }
    return 0;
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on && this.#held.length > 0) queueMicrotask(() => this.#release());
  }

  close(): void {
    this.#main?.close();
    this.#other?.close();
    this.#main = undefined;
    this.#other = undefined;
    this.#connected = undefined;
    this.#full = undefined;
    this.#held = [];
  }

  address(which: AddressOf): string | number {
    const socket = this.#connected ?? this.#main;
    const end = which === AddressOf.REMOTE ? this.#connected?.remoteAddress : socket?.address;
    return end === undefined ? Errors.ERR_STATE.value : formatAddress(end.address, end.port);
  }

  keep(on: boolean): void {
    this.#kept = on;
    for (const socket of [this.#main, this.#other]) {
      if (on) socket?.ref();
      else socket?.unref();
    }
  }

  /** The socket from which an address can be reached. */
  #socketFor(address: string): BunUdpSocket | undefined {
    const family = isIP(address) === 6 ? 6 : 4;
    if (this.#main === undefined || family === this.#family) return this.#main;
    if (this.#other !== undefined || this.#local !== "") return this.#other;
    try {
      this.#other = this.#bind(family, this.#main.address.port);
    } catch {
      /* Another socket may have the port for this family. */
      this.#other = this.#bind(family, 0);
    }
    return this.#other;
  }

  #replace(before: BunUdpSocket, make: () => BunUdpSocket): BunUdpSocket {
    const after = make();
    if (before === this.#main) this.#main = after;
    else this.#other = after;
    if (before === this.#full) this.#full = undefined;
    /* What came from others before is nobody's any more. */
    this.#held = [];
    this.#heldSize = 0;
    return after;
  }

  /** A socket without a peer in the place of the one that was to get one. If its port is lost meanwhile, it is gone. */
  #restore(before: BunUdpSocket, make: () => BunUdpSocket): void {
    try {
      this.#replace(before, make);
    } catch (error) {
      const { handle, deliver, forget } = this.#place;
      queueMicrotask(() => {
        if (this.#main === undefined) return;
        this.close();
        forget();
        deliver.closed(handle, errorNumber(error), error);
      });
    }
  }

  #bind(family: 4 | 6, port: number, peer?: { hostname: string; port: number }): BunUdpSocket {
    const hostname = this.#local === "" ? anyAddress[family] : this.#local;
    const handlers: BunUdpHandlers = {
      data: (_socket, bytes, from, address) => this.#received(bytes, { address, port: from }),
      drain: (socket) => this.#drained(socket),
      error: (error) => this.#failed(error, peer !== undefined),
    };
    const options = { hostname, port, socket: handlers, ...(family === 6 ? { flags: IPV6_ONLY } : {}) };
    const made = Bun.peek(Bun.udpSocket(peer === undefined ? options : { ...options, connect: peer }));
    /* It is made and bound at once; the promise is that of a name, and here are none. */
    if (made instanceof Promise) {
      void made.then((socket) => socket.close());
      throw new Error(`${hostname} is no literal address`);
    }
    if (!this.#kept) made.unref();
    return made;
  }

  #drained(socket: BunUdpSocket): void {
    if (this.#full !== socket) return;
    this.#full = undefined;
    this.#place.deliver.written(this.#place.handle, 0);
  }

  /** What anybody says by ICMP is only of meaning where there is a peer; other systems do not hand it on. */
  #failed(error: Error & { errqueue?: boolean }, hasPeer: boolean): void {
    if (this.#main === undefined || (error.errqueue === true && !hasPeer)) return;
    this.#place.deliver.failed(this.#place.handle, errorNumber(error), error);
  }

  #received(data: Buffer, from: Sender): void {
    if (this.#main === undefined) return;
    if (this.#reading && this.#held.length === 0) this.#tell(data, from);
    else if (this.#heldSize + data.length <= QUEUE) {
      this.#heldSize += data.length;
      this.#held.push([data, from]);
    }
  }

  #release(): void {
    while (this.#reading && this.#held.length > 0) {
      const [data, from] = this.#held.shift() as [Buffer, Sender];
      this.#heldSize -= data.length;
      this.#tell(data, from);
    }
  }

  #tell(data: Buffer, from: Sender): void {
    const { handle, deliver, memory } = this.#place;
    if (data.length > memory.received.length) {
      deliver.failed(handle, Errors.ERR_TOO_LARGE.value);
      return;
    }
    memory.received.set(data);
    deliver.datagram(handle, data.length, from.address, from.port);
  }
}
