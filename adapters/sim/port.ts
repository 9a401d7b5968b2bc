/** The port of a simulated process. */
import { AddressOf, type Close, Errors, FOREVER, SocketKind } from "../../wasm/abi.gen.ts";
import type { Clock, Port, PortEvents, PortMemory, Resolution, SocketOptions, TlsInfo, TlsOptions } from "../port.ts";
import { formatAddress } from "../shared/address.ts";
import { Connecting } from "./connect.ts";
import { ITERATION_MS } from "./globals.ts";
import { SimListener } from "./listener.ts";
import type { Process } from "./machine.ts";
import { isLiteral, type Network } from "./network.ts";
import type { Task } from "./simulation.ts";
import { type Place, SimStream } from "./stream.ts";
import { SimUdp } from "./udp.ts";

const STATE = Errors.ERR_STATE.value;

/** Time as the simulation has it. */
class SimClock implements Clock {
  readonly #process: Process;
  #deliver: PortEvents | undefined;
  #timer: Task | undefined;

  constructor(process: Process) {
    this.#process = process;
  }

  attach(deliver: PortEvents): void {
    this.#deliver = deliver;
  }

  now(): number {
    return this.#process.machine.simulation.nowMs;
  }

  wake(delayMs: number): void {
    if (this.#timer !== undefined) this.#timer.cancelled = true;
    this.#timer = delayMs === FOREVER ? undefined : this.#process.after(delayMs, () => this.#deliver?.wake());
  }

  later(): void {
    this.#process.after(ITERATION_MS, () => this.#deliver?.later());
  }

  keep(): void {}
}

/** Sockets of one process over a simulated network. */
export class SimPort implements Port {
  readonly name = "sim";
  readonly clock: SimClock;
  readonly #network: Network;
  readonly #process: Process;
  readonly #streams = new Map<number, SimStream>();
  readonly #listeners = new Map<number, SimListener>();
  readonly #udp = new Map<number, SimUdp>();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  constructor(network: Network, process: Process) {
    this.#network = network;
    this.#process = process;
    this.clock = new SimClock(process);
  }

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.clock.attach(deliver);
  }

  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions): number {
    const { machine } = this.#process;
    machine.note(`open ${handle} ${kind} ${name} ${port}`);
    if (!this.#process.alive || this.#fails()) return Errors.ERR_HOST.value;
    if (!machine.hasRoom) return Errors.ERR_DESCRIPTORS.value;
    switch (kind) {
      case SocketKind.TCP:
        this.#connecting(handle).toName(name, port, options.allows);
        return 0;
      case SocketKind.UNIX:
        this.#connecting(handle).toPath(name);
        return 0;
      case SocketKind.UDP:
        return this.#bind(handle, name, port);
      case SocketKind.TCP_LISTENER:
        return this.#listen(handle, name, port, options);
      case SocketKind.UNIX_LISTENER:
        return this.#listenAt(handle, { key: name, local: name, backlog: options.backlog });
      default:
        return Errors.ERR_UNSUPPORTED.value;
    }
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    if (this.#fails()) return Errors.ERR_HOST.value;
    return this.#streams.get(handle)?.write(pieces) ?? STATE;
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    return this.#udp.get(handle)?.sendTo(address, port, data) ?? STATE;
  }

  shutdown(handle: number): void {
    this.#process.machine.note(`shutdown ${handle}`);
    this.#streams.get(handle)?.shutdown();
  }

  connectUdp(handle: number, address: string, port: number): number {
    if (this.#fails()) return Errors.ERR_HOST.value;
    return this.#udp.get(handle)?.connect(address, port) ?? STATE;
  }

  startTls(handle: number, _name: string, options: TlsOptions): number {
    const stream = this.#streams.get(handle);
    if (stream === undefined) return STATE;
    if (this.#fails()) return Errors.ERR_TLS.value;
    return stream.startTls(options, stream.accepted);
  }

  tlsInfo(handle: number): TlsInfo | undefined {
    return this.#streams.get(handle)?.tlsInfo;
  }

  resolve(host: string, family: 0 | 4 | 6): Promise<Resolution> {
    return new Promise((resolve) => {
      this.#process.after(isLiteral(host) ? 0 : this.#network.simulation.faults.dnsMs, () => {
        resolve(this.#network.lookUp(this.#process.machine, host, family));
      });
    });
  }

  read(handle: number, on: boolean): void {
    (this.#streams.get(handle) ?? this.#udp.get(handle))?.read(on);
  }

  close(handle: number, how: Close): void {
    this.#process.machine.note(`close ${handle} ${how}`);
    this.#streams.get(handle)?.close(how);
    (this.#udp.get(handle) ?? this.#listeners.get(handle))?.close();
    this.#forget(handle);
  }

  address(handle: number, which: AddressOf): string | number {
    const listener = this.#listeners.get(handle);
    if (listener !== undefined) return which === AddressOf.LOCAL ? listener.local : STATE;
    return (this.#streams.get(handle) ?? this.#udp.get(handle))?.address(which) ?? STATE;
  }

  random(target: Uint8Array): void {
    this.#network.simulation.random.fill(target);
  }

  keep(): void {}

  isUp(): boolean {
    return true;
  }

  /** Whether a call of the system fails, as an option has it. */
  #fails(): boolean {
    const { faults, random } = this.#network.simulation;
    return random.happens(faults.callFailure);
  }

  #forget(handle: number): void {
    this.#streams.delete(handle);
    this.#listeners.delete(handle);
    this.#udp.delete(handle);
  }

  #place(handle: number): Place {
    if (this.#deliver === undefined || this.#memory === undefined) throw new Error("the port is not attached");
    return { handle, deliver: this.#deliver, memory: this.#memory, forget: () => this.#forget(handle) };
  }

  #connecting(handle: number): Connecting {
    const stream = new SimStream(this.#network, this.#process);
    this.#streams.set(handle, stream);
    return new Connecting(this.#network, stream, this.#place(handle));
  }

  #listen(handle: number, name: string, port: number, { backlog }: SocketOptions): number {
    const { machine } = this.#process;
    const { error, addresses } = this.#network.lookUp(machine, name === "" ? "0.0.0.0" : name, 0);
    if (error !== 0) return error;
    const address = addresses[0] ?? "";
    const isAny = address === "0.0.0.0" || address === "::";
    if (!isAny && this.#network.at(machine, address) !== machine) return Errors.ERR_HOST.value;
    const chosen = port === 0 ? machine.freePort() : port;
    return this.#listenAt(handle, { key: chosen, local: formatAddress(address, chosen), backlog });
  }

  #listenAt(handle: number, at: { key: number | string; local: string; backlog: number | undefined }): number {
    if (this.#process.machine.listeners.has(at.key)) return Errors.ERR_IN_USE.value;
    const register = (given: number, stream: SimStream): void => {
      stream.place = this.#place(given);
      this.#streams.set(given, stream);
    };
    this.#listeners.set(handle, new SimListener(this.#process, this.#place(handle), at, register));
    return 0;
  }

  #bind(handle: number, address: string, port: number): number {
    const { machine } = this.#process;
    const isAny = address === "" || address === "0.0.0.0" || address === "::";
    if (!isAny && this.#network.at(machine, address) !== machine) return Errors.ERR_HOST.value;
    const chosen = port === 0 ? machine.freePort() : port;
    if (machine.udp.has(chosen)) return Errors.ERR_IN_USE.value;
    this.#udp.set(handle, new SimUdp(this.#network, this.#process, this.#place(handle), { address, port: chosen }));
    return 0;
  }
}
