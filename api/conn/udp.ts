import { AddressOf, Deadline } from "../../wasm/abi.gen.ts";
import type { ErrorStep, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { UdpOption } from "../../wasm/port-types.ts";
import { type Bytes, isInt32, joinAddress, show, toPayload } from "../internal/arguments.ts";
import { type Datagram, Datagrams } from "./datagrams.ts";
import {
  type MulticastOptions,
  multicastOptions,
  signalOf,
  type UdpOptions,
  udpOptions,
  type WaitOptions,
  waiting,
} from "./options.ts";

/** The largest datagram that UDP has. */
const LARGEST = 65_535;

/**
 * A UDP socket.
 *
 * ```ts
 * const socket = new UdpSocket("127.0.0.1", 0);
 * await socket.sendTo("ping", "127.0.0.1", 5353);
 * const { data, address } = await socket.recvFrom();
 * ```
 */
export class UdpSocket {
  readonly #datagrams: Datagrams;
  readonly #family: 4 | 6;
  #closed = false;

  /**
   * Binds a socket, which is ready immediately; `opened` and every method report errors.
   *
   * @param host a literal local address: `"127.0.0.1"`, `"::"`; `""`: every IPv4 address.
   * @param port 0 to 65535; 0: any free port.
   * @throws TwinwireError ERR_ARGUMENT for a bad option. All other errors are reported by `opened`: ERR_ADDRESS, ERR_PORT, ERR_IN_USE,
   * ERR_ACCESS, ERR_UNREACHABLE for an address that this machine does not have, ERR_LIMIT.
   */
  constructor(host = "", port = 0, options?: UdpOptions) {
    const checked = udpOptions.read("UdpSocket", options);
    const engine = defaultEngine();
    const known = typeof host === "string";
    const address = known ? joinAddress(host, String(port)) : show(host);
    this.#family = known && host.includes(":") ? 6 : 4;
    this.#datagrams = new Datagrams(engine, address, checked);
    if (!known) this.#datagrams.stop(this.#refuse("open", `host ${show(host)}`));
    else if (!isInt32(port)) this.#datagrams.stop(this.#datagrams.fault("ERR_PORT", { step: "open" }));
    else this.#datagrams.begun(engine.udp.bind(this.#datagrams, host, port));
  }

  /** Fulfilled if the socket is bound, rejected if it can't be. A rejection that is not handled is not reported. */
  get opened(): Promise<void> {
    const { end, handle } = this.#datagrams;
    return end === undefined || handle >= 0 ? Promise.resolve() : Promise.reject(end);
  }

  /** The handle in `twinwire/handles`; -1 if the socket could not be bound. */
  get handle(): number {
    return this.#datagrams.handle;
  }

  /** The number of datagrams that were dropped because `queue` bytes waited to be received. */
  get dropped(): number {
    return this.#datagrams.dropped;
  }

  /**
   * Sends one datagram.
   *
   * @param host a literal address, or a name, which is looked up for every datagram.
   * @param port 1 to 65535.
   * @returns the number of bytes that were sent: all of them.
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_TOO_LARGE, ERR_NAME_NOT_FOUND, ERR_DEADLINE, ERR_ABORTED, ERR_STATE
   * after `close`, or the error of the host.
   */
  async sendTo(data: string | Bytes, host: string, port: number, options?: WaitOptions): Promise<number> {
    const signal = signalOf("sendTo", options);
    const payload = toPayload(data);
    if (payload === undefined) throw this.#refuse("send", `a datagram is text or bytes, not ${show(data)}`);
    if (typeof host !== "string" || host === "") throw this.#refuse("send", `host ${show(host)}`);
    const { end } = this.#datagrams;
    if (end !== undefined) throw end;
    this.#checkPort("send", host, port);
    return this.#datagrams.send(payload, await this.#literal(host, signal), port, signal);
  }

  /** Sends one datagram to the peer that `connect` set. Errors: as `sendTo`; ERR_ADDRESS without a peer. */
  async send(data: string | Bytes, options?: WaitOptions): Promise<number> {
    const signal = signalOf("send", options);
    const payload = toPayload(data);
    if (payload === undefined) throw this.#refuse("send", `a datagram is text or bytes, not ${show(data)}`);
    return this.#datagrams.send(payload, "", 0, signal);
  }

  /**
   * Waits for the next datagram and returns it.
   *
   * @param max the most bytes to return, 0 to 65535; the rest of a larger datagram is lost. Default: 65535.
   * @throws TwinwireError ERR_ARGUMENT, ERR_DEADLINE, ERR_ABORTED, ERR_STATE after `close`; with a peer also ERR_REFUSED, if
   * no socket is bound at its address.
   */
  recvFrom(max: number = LARGEST, options?: WaitOptions): Promise<Datagram> {
    if (!isInt32(max) || max < 0 || max > LARGEST) {
      return Promise.reject(this.#refuse("receive", `recvFrom(${show(max)}): 0 to ${LARGEST} bytes`));
    }
    if (options === undefined) return this.#datagrams.receive(max, undefined);
    return waiting("recvFrom", options, (signal) => this.#datagrams.receive(max, signal));
  }

  /** Whether `recvFrom` would be settled immediately. */
  get canReceive(): boolean {
    return this.#datagrams.ready;
  }

  /**
   * Sets the peer: the socket then receives only from it, and `send` sends to it.
   *
   * @param host a literal address, or a name, which is looked up once.
   * @throws TwinwireError ERR_ARGUMENT, ERR_PORT, ERR_NAME_NOT_FOUND, ERR_ABORTED, ERR_STATE after `close`, or the error of
   * the host.
   */
  async connect(host: string, port: number, options?: WaitOptions): Promise<void> {
    const signal = signalOf("connect", options);
    if (typeof host !== "string" || host === "") throw this.#refuse("connect", `host ${show(host)}`);
    const datagrams = this.#datagrams;
    if (datagrams.end !== undefined) throw datagrams.end;
    this.#checkPort("connect", host, port);
    const literal = await this.#literal(host, signal);
    if (datagrams.end !== undefined) throw datagrams.end;
    const { engine, handle } = datagrams;
    const result = engine.udp.connect(handle, literal, port);
    if (result >= 0) {
      datagrams.hasPeer = true;
      return;
    }
    throw datagrams.fault(result, { step: "connect", address: joinAddress(host, String(port)), cause: engine.cause });
  }

  /**
   * Allows or forbids sending to broadcast addresses. Default: false.
   *
   * @throws TwinwireError ERR_STATE after `close`, ERR_UNSUPPORTED where the host has no broadcasts.
   */
  setBroadcast(on: boolean): void {
    this.#setOption({ broadcast: Boolean(on) });
  }

  /**
   * Joins a multicast group: the socket receives what is sent to the group at its port.
   *
   * @param group a literal multicast address.
   * @param name a local IPv4 address of the interface, or `"::%NAME"` for IPv6. Default: the system chooses.
   * @throws TwinwireError ERR_ADDRESS (no such group or interface), ERR_UNREACHABLE (the socket is of the other family),
   * ERR_ARGUMENT, ERR_STATE after `close`, ERR_UNSUPPORTED.
   */
  joinGroup(group: string, name?: string): void {
    this.#checkGroup(group, name);
    this.#setOption({ join: group, interface: name });
  }

  /** Leaves a multicast group. As `joinGroup`; ERR_ADDRESS if the socket is not a member. */
  leaveGroup(group: string, name?: string): void {
    this.#checkGroup(group, name);
    this.#setOption({ leave: group, interface: name });
  }

  /**
   * Sets how the socket sends to multicast groups. Options that are not given stay as they are.
   *
   * @throws TwinwireError ERR_ARGUMENT, ERR_ADDRESS, ERR_STATE after `close`, ERR_UNSUPPORTED.
   */
  setMulticast(options: MulticastOptions): void {
    const { ttl, loopback, interface: name } = multicastOptions.read("setMulticast", options, "call");
    if (ttl !== undefined) this.#setOption({ multicastTtl: ttl });
    if (loopback !== undefined) this.#setOption({ multicastLoopback: loopback });
    if (name !== undefined) this.#setOption({ multicastInterface: name });
  }

  /** Closes the socket. Waiting calls are rejected with ERR_STATE. A second call has no effect. */
  close(): void {
    this.#closed = true;
    this.#datagrams.stop(this.#datagrams.fault("ERR_STATE", { reason: "close was called" }));
  }

  /**
   * Returns the local address as `"ip:port"` or `"[ipv6]:port"`.
   *
   * @throws TwinwireError ERR_STATE after `close`; the error of `opened`.
   */
  localAddr(): string {
    return this.#datagrams.addressOf(AddressOf.LOCAL);
  }

  /** Returns the address of the peer that `connect` set. Errors: as `localAddr`; ERR_STATE without a peer. */
  remoteAddr(): string {
    return this.#datagrams.addressOf(AddressOf.REMOTE);
  }

  /** Returns counters: bytes of payload received and sent, sends that were refused. `connects` is 0. */
  stats(): Stats {
    return this.#datagrams.stats;
  }

  /** Sets the instant from which sending and receiving fail with ERR_DEADLINE, as `Conn.setDeadline`. */
  setDeadline(ms: number): void {
    this.#datagrams.setDeadline(Deadline.READ | Deadline.WRITE, ms);
  }

  /** Sets the deadline of receiving. */
  setReadDeadline(ms: number): void {
    this.#datagrams.setDeadline(Deadline.READ, ms);
  }

  /** Sets the deadline of sending. */
  setWriteDeadline(ms: number): void {
    this.#datagrams.setDeadline(Deadline.WRITE, ms);
  }

  /** Keeps the process alive while it is open, which is the default. */
  ref(): this {
    this.#datagrams.keep(true);
    return this;
  }

  /** Lets the process end while the socket is open. */
  unref(): this {
    this.#datagrams.keep(false);
    return this;
  }

  /** Iterates over received datagrams until the socket is closed. `break` leaves it open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Datagram, void, undefined> {
    for (;;) {
      const datagram = await this.recvFrom().catch((error: TwinwireError) => this.#unlessClosed(error));
      if (datagram === undefined) return;
      yield datagram;
    }
  }

  /** Calls `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #unlessClosed(error: TwinwireError): undefined {
    if (!this.#closed) throw error;
  }

  #checkGroup(group: unknown, name: unknown): void {
    if (typeof group === "string" && (name === undefined || typeof name === "string")) return;
    throw this.#refuse("call", `group ${show(group)}, interface ${show(name)}`);
  }

  #setOption(option: UdpOption): void {
    const { end, engine, handle } = this.#datagrams;
    if (end !== undefined) throw end;
    const result = engine.udp.setOption(handle, option);
    if (result < 0) throw this.#datagrams.fault(result, { step: "call", cause: engine.cause });
  }

  #refuse(step: ErrorStep, reason: string): TwinwireError {
    return this.#datagrams.fault("ERR_ARGUMENT", { step, reason });
  }

  /** Before a name is looked up in vain. */
  #checkPort(step: ErrorStep, host: string, port: unknown): void {
    if (isInt32(port) && port > 0 && port <= 65_535) return;
    throw this.#datagrams.fault("ERR_PORT", { step, address: joinAddress(host, String(port)) });
  }

  /** A literal address is used as it is: looking it up would only take a later loop iteration. */
  async #literal(host: string, signal: AbortSignal | undefined): Promise<string> {
    if (/^[\d.]+$|:/.test(host)) return host;
    const [first = host] = await this.#datagrams.engine.resolve(host, { family: this.#family, signal });
    return first;
  }
}
