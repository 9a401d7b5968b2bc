import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "./address.ts";
import { errorNumber } from "./errors.ts";
import { Hold } from "./hold.ts";
import type { Place } from "./place.ts";
import { OwnQueue, RuntimeQueue, type SendQueue, type Sent } from "./send-queue.ts";

/** Bytes that may wait in the kernel's stead, sent or received, before datagrams are refused or dropped. */
const QUEUE = 262_144;
/** A queue that refused a datagram has room again at half of that, so that not every datagram that leaves is told of. */
const ROOM = QUEUE / 2;

/**
 * What node:dgram calls to look a name up. Only literal addresses come here, and they need none; answering at once makes
 * `bind`, `connect` and `send` do their work before they return.
 */
function lookup(address: string, _family: unknown, done: (error: null, address: string, family: number) => void): void {
  done(null, address, isIP(address));
}

/**
 * The UDP socket of one handle over node:dgram. One that is bound to no address is bound for IPv4; the first datagram to
 * an IPv6 address opens a second one for IPv6 at the same port, and what comes back to it is delivered for the same
 * handle.
 */
export class UdpSocket {
  readonly #place: Place;
  readonly #family: 4 | 6;
  /** Whether the other family may have a socket too. */
  readonly #anyAddress: boolean;
  #main: Socket | undefined;
  #other: Socket | undefined;
  /** The socket that has a peer, and who that is. */
  #connected: Socket | undefined;
  #peer = "";
  #reading = true;
  #kept = true;
  /** Where sockets themselves keep nothing. */
  readonly #hold: Hold | undefined;
  readonly #queues = new Map<Socket, SendQueue>();
  /** Datagrams that were accepted and have not left yet. */
  #pending = 0;
  /** The queue that last refused a datagram, until it has room. */
  #full: SendQueue | undefined;
  /** Datagrams that came while reading was off. */
  #held: [Uint8Array, RemoteInfo][] = [];
  #heldSize = 0;
  /** Closes the sockets. Only while datagrams are still to leave. */
  #closing: (() => void) | undefined;

  /** @throws the error with which binding failed. */
  constructor(place: Place, address: string, port: number) {
    this.#place = place;
    this.#family = isIP(address) === 6 ? 6 : 4;
    this.#anyAddress = address === "";
    this.#hold = place.traits.wholeDgram ? undefined : new Hold();
    this.#main = this.#bind(this.#family, address, port);
    this.#hold?.set(true);
  }

  /** As `Port.sendTo`, but what the runtime reports is thrown. */
  sendTo(address: string, port: number, data: Uint8Array): number {
    const toPeer = address === "";
    const socket = toPeer ? this.#connected : this.#socketFor(address);
    if (this.#main === undefined || (toPeer && socket === undefined)) return Errors.ERR_STATE.value;
    if (!toPeer && this.#connected !== undefined) return Errors.ERR_ADDRESS.value;
    if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
    const queue = this.#queueOf(socket);
    if (queue.size > QUEUE) {
      this.#full = queue;
      return Errors.ERR_BACKPRESSURE.value;
    }
    /* The kernel may not take it now, and the bytes are lent for this call only. */
    const copy = Buffer.from(data);
    queue.send(copy, toPeer ? undefined : { address, port }, this.#sent);
    this.#pending += 1;
    return data.length;
  }

  /** As `Port.connectUdp`, but what the runtime reports is thrown. */
  connect(address: string, port: number): number {
    const socket = this.#socketFor(address);
    if (this.#main === undefined) return Errors.ERR_STATE.value;
    if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
    this.#connected?.disconnect();
    this.#connected = undefined;
    /* Node does it at once and tells of it later; a failure would be an "error" but for the callback. */
    socket.connect(port, address, () => {});
    try {
      this.#peer = senderOf(socket.remoteAddress());
    } catch {
      return Errors.ERR_UNREACHABLE.value;
    }
    this.#connected = socket;
    return 0;
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on && this.#held.length > 0) queueMicrotask(() => this.#release());
  }

  /** Closes it once the datagrams that were accepted have left: the runtime would drop them. */
  close(): void {
    const sockets = [this.#main, this.#other];
    this.#main = undefined;
    this.#other = undefined;
    this.#connected = undefined;
    this.#full = undefined;
    this.#held = [];
    this.#closing = () => {
      this.#closing = undefined;
      this.#hold?.set(false);
      for (const socket of sockets) socket?.close();
    };
    if (this.#pending === 0) this.#closing();
  }

  address(which: AddressOf): string | number {
    const socket = this.#connected ?? this.#main;
    if (socket === undefined) return Errors.ERR_STATE.value;
    if (which === AddressOf.REMOTE && this.#connected === undefined) return Errors.ERR_STATE.value;
    try {
      const { address, port } = which === AddressOf.REMOTE ? socket.remoteAddress() : socket.address();
      return formatAddress(address, port);
    } catch {
      /* A runtime with this interface but its own loop, as Bun, binds a turn later. */
      return Errors.ERR_STATE.value;
    }
  }

  keep(on: boolean): void {
    this.#kept = on;
    if (this.#hold !== undefined) {
      this.#hold.set(on);
      return;
    }
    for (const socket of [this.#main, this.#other]) {
      if (on) socket?.ref();
      else socket?.unref();
    }
  }

  #queueOf(socket: Socket): SendQueue {
    let queue = this.#queues.get(socket);
    if (queue === undefined) {
      queue = this.#place.traits.wholeDgram ? new RuntimeQueue(socket) : new OwnQueue(socket);
      this.#queues.set(socket, queue);
    }
    return queue;
  }

  /** The socket from which an address can be reached. */
  #socketFor(address: string): Socket | undefined {
    const family = isIP(address) === 6 ? 6 : 4;
    if (this.#main === undefined || family === this.#family) return this.#main;
    if (this.#other !== undefined || !this.#anyAddress) return this.#other;
    try {
      this.#other = this.#bind(family, "", this.#main.address().port);
    } catch {
      /* Another socket may have the port for this family. */
      this.#other = this.#bind(family, "", 0);
    }
    if (!this.#kept) this.#other.unref();
    return this.#other;
  }

  #bind(family: 4 | 6, address: string, port: number): Socket {
    const socket = createSocket({ type: `udp${family}`, ipv6Only: family === 6, lookup });
    if (this.#hold !== undefined) socket.unref();
    let failure: Error | undefined;
    let bound = false;
    socket.on("error", (error) => {
      failure = error;
      if (bound) this.#failed(socket, error);
    });
    socket.on("message", (data, from) => this.#received(socket, data, from));
    socket.bind({ port, exclusive: true, ...(address === "" ? {} : { address }) });
    if (failure !== undefined) {
      socket.close();
      throw failure;
    }
    bound = true;
    return socket;
  }

  /** A datagram has left, or could not. */
  readonly #sent: Sent = (error) => {
    this.#pending -= 1;
    if (this.#pending === 0) this.#closing?.();
    if (this.#main === undefined) return;
    const { handle, deliver } = this.#place;
    /* Deno calls whatever the system said EMSGSIZE. */
    const number = this.#place.traits.wholeDgram ? errorNumber : (): number => Errors.ERR_HOST.value;
    if (error !== null) deliver.failed(handle, number(error), error, destinationOf(error));
    /* What heard of the failure may have closed it. */
    if (this.#full === undefined || this.#full.size > ROOM) return;
    this.#full = undefined;
    deliver.written(handle, 0);
  };

  /** What a peer says by ICMP ends nothing; else a socket that fails outside a send is of no more use. */
  #failed(socket: Socket, error: Error): void {
    if (this.#main === undefined) return;
    const { handle, deliver, forget } = this.#place;
    if (socket === this.#connected) {
      deliver.failed(handle, errorNumber(error), error);
      return;
    }
    this.close();
    forget();
    deliver.closed(handle, errorNumber(error), error);
  }

  #received(socket: Socket, data: Uint8Array, from: RemoteInfo): void {
    if (this.#main === undefined) return;
    /* The kernel may hold datagrams from the time before there was a peer. */
    if (this.#connected !== undefined && (socket !== this.#connected || senderOf(from) !== this.#peer)) return;
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
    const { handle, deliver, memory } = this.#place;
    if (data.length > memory.received.length) {
      deliver.failed(handle, Errors.ERR_TOO_LARGE.value);
      return;
    }
    memory.received.set(data);
    deliver.datagram(handle, data.length, from.address, from.port);
  }
}

/** Where a datagram was to go, as the runtime's error has it. */
function destinationOf(error: Error): string | undefined {
  const { address, port } = error as { address?: unknown; port?: unknown };
  return typeof address === "string" && typeof port === "number" ? formatAddress(address, port) : undefined;
}

/** Who sent a datagram, to be compared. Node names an IPv6 zone only in some places. */
function senderOf({ address, port }: { address: string; port: number }): string {
  return formatAddress(address.replace(/%.*$/, ""), port);
}
