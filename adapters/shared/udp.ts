import { isIP } from "node:net";
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import type { UdpOption } from "../port.ts";
import { formatAddress } from "./address.ts";
import type { Place, UdpHandle } from "./sockets.ts";

/** Bytes of datagrams that are kept while reading is off; more are dropped, as the system would. */
const HELD = 262_144;

/** One end of a socket. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** What node:dgram and Bun.udpSocket have alike. Each throws what the system has against it. */
export interface GroupMember {
  setBroadcast(on: boolean): unknown;
  setMulticastTTL(ttl: number): unknown;
  setMulticastLoopback(on: boolean): unknown;
  setMulticastInterface(name: string): unknown;
  addMembership(group: string, name?: string): unknown;
  dropMembership(group: string, name?: string): unknown;
}

/** The family of a literal address; 4 for none. */
export function familyOf(address: string): 4 | 6 {
  return isIP(address) === 6 ? 6 : 4;
}

/**
 * The UDP socket of one handle over sockets `S` of a runtime. One that is bound to no address is bound for IPv4; the first
 * datagram to an IPv6 address opens a second one for IPv6 at the same port, and what is received there is delivered for
 * the same handle.
 */
export abstract class DatagramSocket<S extends GroupMember> implements UdpHandle {
  protected readonly place: Place;
  /** The local address to bind; `""`: any IPv4 one. */
  protected readonly local: string;
  protected main: S | undefined;
  protected other: S | undefined;
  /** Which of the two has a peer. */
  protected connected: S | undefined;
  protected kept = true;
  #reading = true;
  /** Datagrams that were received while reading was off. */
  #held: [Uint8Array, End][] = [];
  #heldSize = 0;
  /** What was set, for sockets that are made later. */
  #options: UdpOption[] = [];

  constructor(place: Place, local: string) {
    this.place = place;
    this.local = local;
  }

  /** Makes a socket of a family at a local port. @throws the error with which that failed. */
  protected abstract bind(family: 4 | 6, port: number): S;

  /** Gives a socket a peer. Returns 0 or an error number. @throws what the runtime reports. */
  protected abstract connectSocket(socket: S, address: string, port: number): number;

  /** Sends a datagram; to the socket's peer if there is no address. As `Port.sendTo`. @throws what the runtime reports. */
  protected abstract send(socket: S, data: Uint8Array, address: string, port: number): number;

  /** One end of a socket; `undefined` if it has none. */
  protected abstract end(socket: S, which: AddressOf): End | undefined;

  /** Whether an open socket keeps the process alive. */
  protected abstract ref(socket: S, on: boolean): void;

  /** Closes sockets that are used no more. */
  protected abstract closeAll(sockets: readonly S[]): void;

  sendTo(address: string, port: number, data: Uint8Array): number {
    const toPeer = address === "";
    const socket = toPeer ? this.connected : this.#socketFor(address);
    if (this.main === undefined || (toPeer && socket === undefined)) return Errors.ERR_STATE.value;
    if (!toPeer && this.connected !== undefined) return Errors.ERR_ADDRESS.value;
    if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
    return this.send(socket, data, address, port);
  }

  connect(address: string, port: number): number {
    const socket = this.#socketFor(address);
    if (this.main === undefined) return Errors.ERR_STATE.value;
    if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
    return this.connectSocket(socket, address, port);
  }

  setOption(option: UdpOption): number {
    if (this.main === undefined) return Errors.ERR_STATE.value;
    const family = familyOfOption(option);
    const sockets = family === undefined ? this.sockets : [this.#socketOf(family)];
    for (const socket of sockets) {
      if (socket === undefined) return Errors.ERR_UNREACHABLE.value;
      applyOption(socket, option);
    }
    this.#options = this.#options.filter((it) => !isSameOption(it, option));
    if (!("leave" in option)) this.#options.push(option);
    return 0;
  }

  /** Sets on a socket what was set before it was made. */
  protected restoreOptions(socket: S, family: 4 | 6): void {
    for (const option of this.#options) if ((familyOfOption(option) ?? family) === family) applyOption(socket, option);
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on && this.#held.length > 0) queueMicrotask(() => this.#release());
  }

  close(): void {
    const sockets = this.sockets;
    this.main = undefined;
    this.other = undefined;
    this.connected = undefined;
    this.forgetHeld();
    this.closeAll(sockets);
  }

  address(which: AddressOf): string | number {
    const socket = this.connected ?? this.main;
    if (socket === undefined) return Errors.ERR_STATE.value;
    if (which === AddressOf.REMOTE && this.connected === undefined) return Errors.ERR_STATE.value;
    const end = this.end(socket, which);
    return end === undefined ? Errors.ERR_STATE.value : formatAddress(end.address, end.port);
  }

  keep(on: boolean): void {
    this.kept = on;
    for (const socket of this.sockets) this.ref(socket, on);
  }

  protected get sockets(): S[] {
    return [this.main, this.other].filter((socket) => socket !== undefined);
  }

  /** A datagram was received. */
  protected received(data: Uint8Array, from: End): void {
    if (this.main === undefined) return;
    if (this.#reading && this.#held.length === 0) this.#deliver(data, from);
    else if (this.#heldSize + data.length <= HELD) {
      this.#heldSize += data.length;
      this.#held.push([data, from]);
    }
  }

  /** Drops what was received and not delivered. */
  protected forgetHeld(): void {
    this.#held = [];
    this.#heldSize = 0;
  }

  /** The socket from which an address can be reached. */
  #socketFor(address: string): S | undefined {
    return this.#socketOf(familyOf(address));
  }

  #socketOf(family: 4 | 6): S | undefined {
    if (this.main === undefined || family === familyOf(this.local)) return this.main;
    if (this.other !== undefined || this.local !== "") return this.other;
    try {
      this.other = this.bind(family, this.end(this.main, AddressOf.LOCAL)?.port ?? 0);
    } catch {
      /* Another socket may have the port for this family. */
      this.other = this.bind(family, 0);
    }
    if (!this.kept) this.ref(this.other, false);
    this.restoreOptions(this.other, family);
    return this.other;
  }

  #release(): void {
    while (this.#reading && this.#held.length > 0) {
      const [data, from] = this.#held.shift() as [Uint8Array, End];
      this.#heldSize -= data.length;
      this.#deliver(data, from);
    }
  }

  #deliver(data: Uint8Array, from: End): void {
    const { handle, deliver, memory } = this.place;
    if (data.length > memory.received.length) {
      deliver.failed(handle, Errors.ERR_TOO_LARGE.value);
      return;
    }
    memory.received.set(data);
    deliver.datagram(handle, data.length, from.address, from.port);
  }
}

/** The family of the group or the interface that an option names; `undefined` for one of both families. */
function familyOfOption(option: UdpOption): 4 | 6 | undefined {
  if ("broadcast" in option) return 4;
  if ("join" in option) return familyOf(option.join);
  if ("leave" in option) return familyOf(option.leave);
  return "multicastInterface" in option ? familyOf(option.multicastInterface) : undefined;
}

/** Whether one option replaces the other. */
function isSameOption(one: UdpOption, other: UdpOption): boolean {
  const group = (option: UdpOption): string | undefined =>
    "join" in option ? option.join : "leave" in option ? option.leave : undefined;
  const names = (option: UdpOption): string => `${Object.keys(option)[0]}`;
  if (group(one) === undefined || group(other) === undefined) return names(one) === names(other);
  const interfaceOf = (option: UdpOption): unknown => (option as { interface?: unknown }).interface;
  return group(one) === group(other) && interfaceOf(one) === interfaceOf(other);
}

/** @throws what the system has against it; ERR_INVALID_ADDRESS for a group or an interface that it does not have. */
function applyOption(socket: GroupMember, option: UdpOption): void {
  try {
    if ("broadcast" in option) socket.setBroadcast(option.broadcast);
    else if ("join" in option) socket.addMembership(option.join, option.interface);
    else if ("leave" in option) socket.dropMembership(option.leave, option.interface);
    else if ("multicastTtl" in option) socket.setMulticastTTL(option.multicastTtl);
    else if ("multicastLoopback" in option) socket.setMulticastLoopback(option.multicastLoopback);
    else socket.setMulticastInterface(option.multicastInterface);
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const group = "join" in option ? option.join : "leave" in option ? option.leave : undefined;
    const isName = group !== undefined && isIP(group) === 0;
    const invalid = isName || ["EINVAL", "EADDRNOTAVAIL", "ENODEV"].includes(`${code}`);
    throw invalid ? Object.assign(new Error(`${message}`, { cause: error }), { code: "ERR_INVALID_ADDRESS" }) : error;
  }
}
