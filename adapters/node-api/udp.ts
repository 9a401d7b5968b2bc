import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions } from "../port.ts";
import { formatAddress } from "../shared/address.ts";
import { errorNumber } from "../shared/errors.ts";
import type { Place } from "../shared/sockets.ts";
import { DatagramSocket, type End, familyOf } from "../shared/udp.ts";
import { OwnQueue, RuntimeQueue, type SendQueue, type Sent } from "./send-queue.ts";
import type { Traits } from "./traits.ts";

/** Bytes that may wait for the kernel before datagrams are refused. */
const QUEUE = 262_144;

/** A queue that refused a datagram has room again at half of that, so that not every datagram that leaves is reported. */
const ROOM = QUEUE / 2;

/** The longest time that setInterval keeps: it takes 31 bits. */
const LONGEST = 2_147_483_647;

/**
 * What node:dgram calls to look a name up. Only literal addresses are passed here, and they need no look-up: answering at
 * once makes `bind`, `connect` and `send` do their work before they return.
 */
function lookup(address: string, _family: unknown, done: (error: null, address: string, family: number) => void): void {
  done(null, address, isIP(address));
}

/** The UDP socket of one handle over node:dgram. */
export class UdpSocket extends DatagramSocket<Socket> {
  readonly #traits: Traits;
  readonly #reuseAddr: boolean;
  readonly #queues = new Map<Socket, SendQueue>();
  /** Datagrams that were accepted and have not left yet. */
  #pending = 0;
  /** Closes the sockets. Only while datagrams are still to leave. */
  #closing: (() => void) | undefined;
  /** The queue that last refused a datagram, until it has room. */
  #full: SendQueue | undefined;
  /** Who the peer is. */
  #peer = "";
  /** Keeps the process alive where a socket that reads always does. */
  #hold: NodeJS.Timeout | undefined;

  /** @throws the error with which binding failed. */
  constructor(place: Place, traits: Traits, address: string, port: number, { reuseAddress }: SocketOptions) {
    super(place, address);
    this.#traits = traits;
    this.#reuseAddr = reuseAddress === true;
    this.main = this.bind(familyOf(address), port);
    this.#setHold(true);
  }

  protected override send(socket: Socket, data: Uint8Array, address: string, port: number): number {
    const queue = this.#queueOf(socket);
    if (queue.size > QUEUE) {
      this.#full = queue;
      return Errors.ERR_BACKPRESSURE.value;
    }
    /* The kernel may not take it now, and the bytes are lent for this call only. */
    const copy = Buffer.from(data);
    queue.send(copy, address === "" ? undefined : { address, port }, this.#sent);
    this.#pending += 1;
    return data.length;
  }

  protected override connectSocket(socket: Socket, address: string, port: number): number {
    this.connected?.disconnect();
    this.connected = undefined;
    /* Node does it at once and reports it later; a failure would be an "error" but for the callback. */
    socket.connect(port, address, () => {});
    try {
      this.#peer = senderOf(socket.remoteAddress());
    } catch {
      return Errors.ERR_UNREACHABLE.value;
    }
    this.connected = socket;
    return 0;
  }

  /** Closes them once the datagrams that were accepted have left: the runtime would drop them. */
  protected override closeAll(sockets: readonly Socket[]): void {
    this.#full = undefined;
    this.#closing = () => {
      this.#closing = undefined;
      this.#setHold(false);
      for (const socket of sockets) socket.close();
    };
    if (this.#pending === 0) this.#closing();
  }

  protected override end(socket: Socket, which: AddressOf): End | undefined {
    try {
      return which === AddressOf.REMOTE ? socket.remoteAddress() : socket.address();
    } catch {
      return undefined; /* a runtime with this interface but a loop of its own binds later */
    }
  }

  protected override ref(socket: Socket, on: boolean): void {
    if (!this.#traits.wholeDgram) this.#setHold(on);
    else if (on) socket.ref();
    else socket.unref();
  }

  protected override bind(family: 4 | 6, port: number): Socket {
    const socket = createSocket({ type: `udp${family}`, ipv6Only: family === 6, reuseAddr: this.#reuseAddr, lookup });
    if (!this.#traits.wholeDgram) socket.unref();
    let failure: Error | undefined;
    let bound = false;
    socket.on("error", (error) => {
      failure = error;
      if (bound) this.#failed(socket, error);
    });
    socket.on("message", (data, from) => {
      /* The kernel may hold datagrams from the time before there was a peer. */
      if (this.connected !== undefined && (socket !== this.connected || senderOf(from) !== this.#peer)) return;
      this.received(data, from);
    });
    socket.bind({ port, exclusive: true, ...(this.local === "" ? {} : { address: this.local }) });
    if (failure !== undefined) {
      socket.close();
      throw failure;
    }
    bound = true;
    return socket;
  }

  #queueOf(socket: Socket): SendQueue {
    let queue = this.#queues.get(socket);
    if (queue === undefined) {
      queue = this.#traits.wholeDgram ? new RuntimeQueue(socket) : new OwnQueue(socket);
      this.#queues.set(socket, queue);
    }
    return queue;
  }

  #setHold(on: boolean): void {
    clearInterval(this.#hold);
    this.#hold = on && !this.#traits.wholeDgram ? setInterval(() => {}, LONGEST) : undefined;
  }

  /** A datagram has left, or could not. */
  readonly #sent: Sent = (error) => {
    this.#pending -= 1;
    if (this.#pending === 0) this.#closing?.();
    if (this.main === undefined) return;
    const { handle, deliver } = this.place;
    /* Deno calls whatever the system said EMSGSIZE. */
    const number = this.#traits.wholeDgram ? errorNumber : (): number => Errors.ERR_HOST.value;
    if (error !== null) deliver.failed(handle, number(error), error, destinationOf(error));
    /* The application may have closed it then. */
    if (this.#full === undefined || this.#full.size > ROOM) return;
    this.#full = undefined;
    deliver.written(handle, 0);
  };

  /** What a peer reports by ICMP ends nothing; else a socket that fails outside a send is of no more use. */
  #failed(socket: Socket, error: Error): void {
    if (this.main === undefined) return;
    const { handle, deliver } = this.place;
    if (socket === this.connected) {
      deliver.failed(handle, errorNumber(error), error);
      return;
    }
    this.close();
    this.place.forget();
    deliver.closed(handle, errorNumber(error), error);
  }
}

/** Where a datagram was to go, as the runtime's error has it. */
function destinationOf(error: Error): string | undefined {
  const { address, port } = error as { address?: unknown; port?: unknown };
  return typeof address === "string" && typeof port === "number" ? formatAddress(address, port) : undefined;
}

/** Who sent a datagram, to be compared. Node names an IPv6 zone only in some places. */
function senderOf({ address, port }: End): string {
  return formatAddress(address.replace(/%.*$/, ""), port);
}
