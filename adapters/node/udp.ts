import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory } from "../port.ts";
import { formatAddress } from "./address.ts";
import { errorNumber } from "./errors.ts";

/** Bytes that may wait in the kernel's stead, sent or received, before datagrams are refused or dropped. */
const QUEUE = 262_144;

/**
 * What node:dgram calls to look a name up. Only literal addresses come here, and they need none; answering at once makes
 * `bind` and `send` do their work before they return.
 */
function lookup(address: string, _family: unknown, done: (error: null, address: string, family: number) => void): void {
  done(null, address, isIP(address));
}

/**
 * The UDP socket of one handle over node:dgram. It is bound for IPv4. The first datagram to an IPv6 address opens a
 * second one for IPv6 at the same port; what comes back to it is delivered for the same handle.
 */
export class UdpSocket {
  readonly #handle: number;
  readonly #deliver: PortEvents;
  readonly #memory: PortMemory;
  readonly #forget: () => void;
  #v4: Socket | undefined;
  #v6: Socket | undefined;
  #reading = true;
  #kept = true;
  /** Datagrams that came while reading was off. */
  #held: [Uint8Array, RemoteInfo][] = [];
  #heldSize = 0;

  /**
   * `forget` is called before the socket's last delivery.
   *
   * @throws the error with which binding failed.
   */
  constructor(handle: number, port: number, deliver: PortEvents, memory: PortMemory, forget: () => void) {
    this.#handle = handle;
    this.#deliver = deliver;
    this.#memory = memory;
    this.#forget = forget;
    this.#v4 = this.#bind("udp4", port);
  }

  /** As `Port.sendTo`, but what the runtime reports is thrown. */
  sendTo(address: string, port: number, data: Uint8Array): number {
    const socket = isIP(address) === 6 ? this.#socketV6() : this.#v4;
    if (socket === undefined) return Errors.ERR_STATE.value;
    if (socket.getSendQueueSize() > QUEUE) return Errors.ERR_BACKPRESSURE.value;
    /* The kernel may not take it now, and the bytes are lent for this call only. */
    socket.send(Buffer.from(data), port, address, (error) => {
      if (error !== null && this.#v4 !== undefined) this.#deliver.failed(this.#handle, errorNumber(error), error);
    });
    return data.length;
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on && this.#held.length > 0) queueMicrotask(() => this.#release());
  }

  close(): void {
    this.#v4?.close();
    this.#v6?.close();
    this.#v4 = undefined;
    this.#v6 = undefined;
    this.#held = [];
  }

  address(which: AddressOf): string | number {
    if (this.#v4 === undefined || which === AddressOf.REMOTE) return Errors.ERR_STATE.value;
    try {
      const { address, port } = this.#v4.address();
      return formatAddress(address, port);
    } catch {
      /* A runtime with this interface but its own loop, as Bun, binds a turn later. */
      return Errors.ERR_STATE.value;
    }
  }

  keep(on: boolean): void {
    this.#kept = on;
    for (const socket of [this.#v4, this.#v6]) {
      if (on) socket?.ref();
      else socket?.unref();
    }
  }

  #socketV6(): Socket | undefined {
    if (this.#v4 === undefined || this.#v6 !== undefined) return this.#v6;
    try {
      this.#v6 = this.#bind("udp6", this.#v4.address().port);
    } catch {
      /* Another socket may have the port for IPv6. */
      this.#v6 = this.#bind("udp6", 0);
    }
    if (!this.#kept) this.#v6.unref();
    return this.#v6;
  }

  #bind(type: "udp4" | "udp6", port: number): Socket {
    const socket = createSocket({ type, ipv6Only: type === "udp6", lookup });
    let failure: Error | undefined;
    let bound = false;
    socket.on("error", (error) => {
      failure = error;
      if (bound) this.#failed(error);
    });
    socket.on("message", (data, from) => this.#received(data, from));
    socket.bind({ port, exclusive: true });
    if (failure !== undefined) {
      socket.close();
      throw failure;
    }
    bound = true;
    return socket;
  }

  /** A socket that fails outside a send is of no more use. */
  #failed(error: Error): void {
    if (this.#v4 === undefined) return;
    this.close();
    this.#forget();
    this.#deliver.closed(this.#handle, errorNumber(error), error);
  }

  #received(data: Uint8Array, from: RemoteInfo): void {
    if (this.#v4 === undefined) return;
    if (this.#reading) this.#tell(data, from);
    else if (this.#heldSize + data.length <= QUEUE) {
      this.#heldSize += data.length;
      this.#held.push([data, from]);
    }
  }

  #release(): void {
    while (this.#reading && this.#held.length > 0) {
      const [data, from] = this.#held.shift() as [Uint8Array, RemoteInfo];
      this.#heldSize -= data.length;
      this.#tell(data, from);
    }
  }

  #tell(data: Uint8Array, from: RemoteInfo): void {
    const { received } = this.#memory;
    if (data.length > received.length) {
      this.#deliver.failed(this.#handle, Errors.ERR_TOO_LARGE.value);
      return;
    }
    received.set(data);
    this.#deliver.datagram(this.#handle, data.length, from.address, from.port);
  }
}
