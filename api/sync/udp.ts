/** UDP sockets whose calls wait, and the lookup of names. */
import { Deadline } from "../../wasm/abi.gen.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { Datagram } from "../conn/datagrams.ts";
import type { MulticastOptions } from "../conn/options.ts";
import type { Bytes } from "../internal/arguments.ts";
import { Link } from "./conn.ts";
import { checkBytes, type UdpOptions, type WaitOptions } from "./options.ts";
import { Op, pack } from "./protocol.ts";
import { ownCaller } from "./start.ts";

/**
 * A UDP socket.
 *
 * ```ts
 * const socket = new UdpSocket("127.0.0.1", 0);
 * socket.sendTo("ping", "127.0.0.1", 5353);
 * const { data, address } = socket.recvFrom();
 * ```
 */
export class UdpSocket {
  readonly #link: Link;

  /**
   * Binds a socket.
   *
   * @param host a literal local address: `"127.0.0.1"`, `"::"`; `""`: every IPv4 address.
   * @param port 0 to 65535; 0: any free port.
   * @throws TwinwireError ERR_ARGUMENT, ERR_ADDRESS, ERR_PORT, ERR_IN_USE, ERR_ACCESS, ERR_UNREACHABLE, ERR_LIMIT.
   */
  constructor(host = "", port = 0, options?: UdpOptions) {
    this.#link = Link.open("UdpSocket", "UdpSocket", [host, port, options]);
  }

  /** The number of datagrams that were dropped because `queue` bytes waited to be received. */
  get dropped(): number {
    return this.#link.get("dropped");
  }

  /**
   * Sends one datagram.
   *
   * @param host a literal address, or a name, which is looked up for every datagram.
   * @param port 1 to 65535.
   * @returns the number of bytes that were sent: all of them.
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_TOO_LARGE, ERR_NAME_NOT_FOUND, ERR_DEADLINE, ERR_STATE after `close`, or
   * the error of the host.
   */
  sendTo(data: string | Bytes, host: string, port: number): number {
    const args = [host, port].map((it) => pack("sendTo", it));
    return this.#link.call(Op.SEND_TO, { args, data: checkBytes(data) }).number;
  }

  /** Sends one datagram to the peer that `connect` set. Errors: as `sendTo`; ERR_ADDRESS without a peer. */
  send(data: string | Bytes): number {
    return this.#link.call(Op.SEND, { data: checkBytes(data) }).number;
  }

  /**
   * Waits for the next datagram and returns it.
   *
   * @param max the most bytes to return, 0 to 65535; the rest of a larger datagram is lost. Default: 65535.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_STATE after `close`; with a peer also ERR_REFUSED.
   */
  recvFrom(max?: number, options?: WaitOptions): Datagram {
    const args = [max, options].map((it) => pack("recvFrom", it));
    const { data, value } = this.#link.call(Op.RECV_FROM, { args });
    return { ...(value as Omit<Datagram, "data">), data };
  }

  /** Whether `recvFrom` would return without waiting. */
  get canReceive(): boolean {
    return this.#link.get("canReceive");
  }

  /**
   * Sets the peer: the socket then receives only from it, and `send` sends to it.
   *
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_NAME_NOT_FOUND, ERR_DEADLINE after `timeoutMs`, or the error of the host.
   */
  connect(host: string, port: number, options?: WaitOptions): void {
    this.#link.call(Op.UDP_CONNECT, { args: [host, port, options].map((it) => pack("connect", it)) });
  }

  /** Allows or forbids sending to broadcast addresses. Default: false. */
  setBroadcast(on: boolean): void {
    this.#link.get("setBroadcast", Boolean(on));
  }

  /** Joins a multicast group. `name`: the interface, a local IPv4 address of it or `"::%NAME"`. Default: the system chooses. */
  joinGroup(group: string, name?: string): void {
    this.#link.get("joinGroup", pack("joinGroup", group), pack("joinGroup", name));
  }

  /** Leaves a multicast group; ERR_ADDRESS if the socket is not a member. */
  leaveGroup(group: string, name?: string): void {
    this.#link.get("leaveGroup", pack("leaveGroup", group), pack("leaveGroup", name));
  }

  /** Sets how the socket sends to multicast groups. Options that are not given stay as they are. */
  setMulticast(options: MulticastOptions): void {
    this.#link.get("setMulticast", pack("setMulticast", options));
  }

  /** Closes the socket. A second call has no effect. */
  close(): void {
    this.#link.call(Op.CLOSE);
  }

  /** Returns the local address as `"ip:port"` or `"[ipv6]:port"`; ERR_STATE after `close`. */
  localAddr(): string {
    return this.#link.get("localAddr");
  }

  /** Returns the address of the peer that `connect` set; ERR_STATE without one. */
  remoteAddr(): string {
    return this.#link.get("remoteAddr");
  }

  /** Returns counters: bytes of payload received and sent, sends that were refused. */
  stats(): Stats {
    return this.#link.get("stats");
  }

  /** Sets the instant from which sending and receiving fail with ERR_DEADLINE, as `Conn.setDeadline`. */
  setDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.READ | Deadline.WRITE, ms);
  }

  /** Sets the deadline of receiving. */
  setReadDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.READ, ms);
  }

  /** Sets the deadline of sending. */
  setWriteDeadline(ms: number): void {
    this.#link.setDeadline(Deadline.WRITE, ms);
  }

  /** Iterates over received datagrams. `break` leaves the socket open. */
  *[Symbol.iterator](): Generator<Datagram, void, undefined> {
    for (;;) yield this.recvFrom();
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The options of `resolve`. */
export interface ResolveOptions extends WaitOptions {
  /** The family of the addresses. Default: both. */
  readonly family?: 4 | 6 | undefined;
  /** Returns all addresses instead of the first. Default: false. */
  readonly all?: boolean | undefined;
}

/**
 * Looks up a host name. A literal address is returned as it is.
 *
 * ```ts
 * resolve("localhost"); // "127.0.0.1"
 * ```
 *
 * @returns the first address; with `all`, every address in the order of preference.
 * @throws TwinwireError ERR_ARGUMENT, ERR_NAME_NOT_FOUND, ERR_NAME_FAILED, ERR_DEADLINE after `timeoutMs`.
 */
export function resolve(host: string, options: ResolveOptions & { readonly all: true }): string[];
export function resolve(host: string, options?: ResolveOptions & { readonly all?: false | undefined }): string;
export function resolve(host: string, options?: ResolveOptions): string | string[] {
  const args = [host, options].map((it) => pack("resolve", it));
  return ownCaller().call(Op.RESOLVE, { args }).value as string | string[];
}
