/** The port of Node: node:net, node:dgram, node:crypto. */
import { type AddressOf, Close, Errors, Kind } from "../../wasm/abi.gen.ts";
import type { Port, PortEvents, PortMemory } from "../port.ts";
import { NodeClock } from "./clock.ts";
import { errorNumber } from "./errors.ts";
import { RandomPool } from "./random.ts";
import { TcpSocket } from "./tcp.ts";
import { UdpSocket } from "./udp.ts";

/** Makes Node's port for a new engine. */
export function createPort(): Port {
  return new NodePort();
}

class NodePort implements Port {
  readonly name = "node";
  readonly clock = new NodeClock();
  cause: unknown;
  readonly #tcp = new Map<number, TcpSocket>();
  readonly #udp = new Map<number, UdpSocket>();
  readonly #random = new RandomPool();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: Kind, name: string, port: number): number {
    this.cause = undefined;
    if (this.#deliver === undefined || this.#memory === undefined) return Errors.ERR_STATE.value;
    try {
      return kind === Kind.UDP
        ? this.#openUdp(handle, port, this.#deliver, this.#memory)
        : this.#openTcp(handle, name, port, this.#deliver, this.#memory);
    } catch (error) {
      this.cause = error;
      return errorNumber(error);
    }
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    return this.#tcp.get(handle)?.write(pieces) ?? Errors.ERR_STATE.value;
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    this.cause = undefined;
    try {
      return this.#udp.get(handle)?.sendTo(address, port, data) ?? Errors.ERR_STATE.value;
    } catch (error) {
      this.cause = error;
      return errorNumber(error);
    }
  }

  read(handle: number, on: boolean): void {
    (this.#tcp.get(handle) ?? this.#udp.get(handle))?.read(on);
  }

  close(handle: number, how: Close): void {
    const tcp = this.#tcp.get(handle);
    this.#tcp.delete(handle);
    if (how === Close.ABORT) tcp?.abort();
    else tcp?.end();
    this.#udp.get(handle)?.close();
    this.#udp.delete(handle);
  }

  address(handle: number, which: AddressOf): string | number {
    return (this.#tcp.get(handle) ?? this.#udp.get(handle))?.address(which) ?? Errors.ERR_STATE.value;
  }

  random(target: Uint8Array): void {
    this.#random.fill(target);
  }

  keep(handle: number, on: boolean): void {
    (this.#tcp.get(handle) ?? this.#udp.get(handle))?.keep(on);
  }

  isUp(): boolean {
    return true;
  }

  #openTcp(handle: number, host: string, port: number, deliver: PortEvents, memory: PortMemory): number {
    this.#tcp.set(handle, new TcpSocket(handle, host, port, deliver, memory, () => this.#tcp.delete(handle)));
    return 0;
  }

  #openUdp(handle: number, port: number, deliver: PortEvents, memory: PortMemory): number {
    this.#udp.set(handle, new UdpSocket(handle, port, deliver, memory, () => this.#udp.delete(handle)));
    return 0;
  }
}
