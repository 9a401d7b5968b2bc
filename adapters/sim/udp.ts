/** A simulated UDP socket. */
import { AddressOf, Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "../shared/address.ts";
import type { Machine, Occupant, Process } from "./machine.ts";
import type { Network } from "./network.ts";
import { hashBytes } from "./simulation.ts";
import type { Place } from "./stream.ts";

/** The largest payload of a datagram: RFC 768 with an IPv4 header. */
const LARGEST = 65_507;

interface End {
  readonly address: string;
  readonly port: number;
}

interface Held {
  readonly data: Uint8Array;
  readonly from: End;
}

/** A UDP socket of a process. */
export class SimUdp implements Occupant {
  readonly port: number;
  readonly #network: Network;
  readonly #process: Process;
  readonly #place: Place;
  readonly #address: string;
  #peer: End | undefined;
  #reading = true;
  #closed = false;
  #held: Held[] = [];
  #heldSize = 0;
  #polled = false;

  constructor(network: Network, process: Process, place: Place, local: { address: string; port: number }) {
    this.#network = network;
    this.#process = process;
    this.#place = place;
    this.#address = local.address;
    this.port = local.port;
    process.machine.udp.set(local.port, this);
    process.machine.sockets.add(this);
  }

  get #machine(): Machine {
    return this.#process.machine;
  }

  sendTo(address: string, port: number, data: Uint8Array): number {
    const to = address === "" ? this.#peer : { address, port };
    if (this.#closed || to === undefined) return Errors.ERR_STATE.value;
    if (address !== "" && this.#peer !== undefined) return Errors.ERR_ADDRESS.value;
    if (data.length > LARGEST) return Errors.ERR_TOO_LARGE.value;
    const { simulation } = this.#network;
    const { faults, random } = simulation;
    if (random.happens(faults.callFailure)) {
      this.#deliver("written 0", () => this.#place.deliver.written(this.#place.handle, 0));
      return Errors.ERR_BACKPRESSURE.value;
    }
    this.#machine.note(`send-to ${this.#place.handle} ${data.length} ${hashBytes([data], data.length)}`);
    const copy = Uint8Array.from(data);
    const copies = random.happens(faults.datagramLoss) ? 0 : random.happens(faults.datagramDuplication) ? 2 : 1;
    for (let left = copies; left > 0; left--) this.#launch(copy, to);
    return data.length;
  }

  connect(address: string, port: number): number {
    this.#peer = { address, port };
    return 0;
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on) this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#held = [];
    this.#machine.sockets.delete(this);
    if (this.#machine.udp.get(this.port) === this) this.#machine.udp.delete(this.port);
  }

  lost(): void {
    this.#closed = true;
  }

  address(which: AddressOf): string | number {
    if (which === AddressOf.LOCAL) return formatAddress(this.#address === "" ? "0.0.0.0" : this.#address, this.port);
    return this.#peer === undefined ? Errors.ERR_STATE.value : formatAddress(this.#peer.address, this.#peer.port);
  }

  #launch(data: Uint8Array, to: End): void {
    const { simulation } = this.#network;
    const { faults, random } = simulation;
    const target = this.#network.at(this.#machine, to.address);
    if (target === undefined) return;
    const late = random.happens(faults.datagramReordering) ? random.fraction() * 4 * (faults.latencyMs + 1) : 0;
    simulation.after(this.#network.delay(this.#machine, target) + late, undefined, () => {
      if (this.#closed || !this.#network.passes(this.#machine, target)) return;
      const socket = target.udp.get(to.port);
      if (socket instanceof SimUdp) socket.#arrive(data, { address: this.#sourceFor(to.address), port: this.port });
      else if (this.#peer !== undefined) this.#bounce(to);
    });
  }

  /** ICMP's port unreachable, which only a socket with a peer is informed of. */
  #bounce(to: End): void {
    const { handle, deliver } = this.#place;
    this.#deliver("failed", () => {
      deliver.failed(handle, Errors.ERR_REFUSED.value, undefined, formatAddress(to.address, to.port));
    });
  }

  #sourceFor(target: string): string {
    if (target.startsWith("127.") || target === "::1") return target;
    return target.includes(":") ? this.#machine.address6 : this.#machine.address;
  }

  #arrive(data: Uint8Array, from: End): void {
    const peer = this.#peer;
    if (this.#closed || (peer !== undefined && (peer.address !== from.address || peer.port !== from.port))) return;
    if (this.#heldSize + data.length > this.#network.simulation.faults.socketBuffer) return;
    this.#heldSize += data.length;
    this.#held.push({ data, from });
    this.#poll();
  }

  #poll(): void {
    if (this.#polled || this.#held.length === 0) return;
    this.#polled = true;
    this.#process.after(0, () => {
      this.#polled = false;
      if (this.#closed || !this.#reading) return;
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#heldSize -= next.data.length;
      const { handle, deliver, memory } = this.#place;
      this.#machine.note(`datagram ${handle} ${next.data.length} ${hashBytes([next.data], next.data.length)}`);
      if (next.data.length > memory.received.length) deliver.failed(handle, Errors.ERR_TOO_LARGE.value);
      else {
        memory.received.set(next.data);
        deliver.datagram(handle, next.data.length, next.from.address, next.from.port);
      }
      if (!this.#closed) this.#poll();
    });
  }

  #deliver(text: string, run: () => void): void {
    this.#process.after(0, () => {
      if (this.#closed) return;
      this.#machine.note(`${text} ${this.#place.handle}`);
      run();
    });
  }
}
