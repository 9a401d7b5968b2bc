import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions } from "../port.ts";
import { errorNumber } from "../shared/errors.ts";
import type { Place } from "../shared/sockets.ts";
import { DatagramSocket, type End, familyOf } from "../shared/udp.ts";
import { Bun, type BunUdpHandlers, type BunUdpSocket } from "./runtime.ts";

/** Bun's flag for a socket that is for IPv6 alone. Without it, it takes both families, and its port must be another. */
const IPV6_ONLY = 8;

/** Bun's flag for SO_REUSEADDR. */
const REUSE_ADDRESS = 16;

const anyAddress = { 4: "0.0.0.0", 6: "::" } as const;

/** The UDP socket of one handle over Bun.udpSocket. A socket gets a peer by being replaced, at the same port. */
export class UdpSocket extends DatagramSocket<BunUdpSocket> {
  readonly #flags: number;
  /** The socket that last refused a datagram, until it has room. */
  #full: BunUdpSocket | undefined;

  /** @throws the error with which binding failed. */
  constructor(place: Place, address: string, port: number, { reuseAddress }: SocketOptions) {
    super(place, address);
    this.#flags = reuseAddress === true ? REUSE_ADDRESS : 0;
    this.main = this.bind(familyOf(address), port);
  }

  protected override send(socket: BunUdpSocket, data: Uint8Array, address: string, port: number): number {
    const taken = address === "" ? socket.send(data) : socket.send(data, port, address);
    if (taken) return data.length;
    this.#full = socket;
    return Errors.ERR_BACKPRESSURE.value;
  }

  protected override connectSocket(before: BunUdpSocket, address: string, port: number): number {
    const own = before.address.port;
    const family = familyOf(address);
    before.close();
    try {
      this.connected = this.#replace(before, family, () => this.bind(family, own, { hostname: address, port }));
    } catch (error) {
      this.connected = undefined;
      this.#restore(before, family, () => this.bind(family, own));
      throw error;
    }
    return 0;
  }

  protected override closeAll(sockets: readonly BunUdpSocket[]): void {
    this.#full = undefined;
    for (const socket of sockets) socket.close();
  }

  protected override end(socket: BunUdpSocket, which: AddressOf): End | undefined {
    return which === AddressOf.REMOTE ? socket.remoteAddress : socket.address;
  }

  protected override ref(socket: BunUdpSocket, on: boolean): void {
    if (on) socket.ref();
    else socket.unref();
  }

  protected override bind(family: 4 | 6, port: number, peer?: { hostname: string; port: number }): BunUdpSocket {
    const hostname = this.local === "" ? anyAddress[family] : this.local;
    const handlers: BunUdpHandlers = {
      data: (_socket, bytes, from, address) => this.received(bytes, { address, port: from }),
      drain: (socket) => this.#drained(socket),
      error: (error) => this.#failed(error, peer !== undefined),
    };
    const flags = this.#flags | (family === 6 ? IPV6_ONLY : 0);
    const options = { hostname, port, socket: handlers, ...(flags === 0 ? {} : { flags }) };
    const made = Bun.peek(Bun.udpSocket(peer === undefined ? options : { ...options, connect: peer }));
    /* It is made and bound at once; the promise is that of a name, and here are none. */
    if (made instanceof Promise) {
      void made.then((socket) => socket.close());
      throw new Error(`${hostname} is no literal address`);
    }
    if (!this.kept) made.unref();
    return made;
  }

  #replace(before: BunUdpSocket, family: 4 | 6, make: () => BunUdpSocket): BunUdpSocket {
    const after = make();
    if (before === this.main) this.main = after;
    else this.other = after;
    if (before === this.#full) this.#full = undefined;
    this.restoreOptions(after, family);
    this.forgetHeld(); /* it may be from others than the peer */
    return after;
  }

  /** Puts a socket without a peer in the place of the one that was to get one. If its port is lost meanwhile, it is gone. */
  #restore(before: BunUdpSocket, family: 4 | 6, make: () => BunUdpSocket): void {
    try {
      this.#replace(before, family, make);
    } catch (error) {
      const { handle, deliver } = this.place;
      queueMicrotask(() => {
        if (this.main === undefined) return;
        this.close();
        this.place.forget();
        deliver.closed(handle, errorNumber(error), error);
      });
    }
  }

  #drained(socket: BunUdpSocket): void {
    if (this.#full !== socket) return;
    this.#full = undefined;
    this.place.deliver.written(this.place.handle, 0);
  }

  /** An ICMP error only has a meaning where there is a peer; other systems do not report it. */
  #failed(error: Error & { errqueue?: boolean }, hasPeer: boolean): void {
    if (this.main === undefined || (error.errqueue === true && !hasPeer)) return;
    this.place.deliver.failed(this.place.handle, errorNumber(error), error);
  }
}
