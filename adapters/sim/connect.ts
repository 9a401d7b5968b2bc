/** Connects a simulated stream: look-up, attempts one after the other (RFC 8305), TCP handshake. */
import { Errors } from "../../wasm/abi.gen.ts";
import { formatAddress } from "../shared/address.ts";
import { SimListener } from "./listener.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import { Pipe } from "./pipe.ts";
import { type Place, SimStream } from "./stream.ts";

/** The time between the starts of two attempts, RFC 8305 5. */
const NEXT_MS = 250;

/** The time after which an attempt without an answer fails, as with tcp_syn_retries = 6 of Linux. */
const SYN_GIVE_UP_MS = 127_000;

/** Connects a stream of a process. The outcome is delivered to `place`. */
export class Connecting {
  readonly #network: Network;
  readonly #stream: SimStream;
  readonly #place: Place;
  #waiting: string[] = [];
  #running = 0;
  #won = false;
  #error: number = Errors.ERR_UNREACHABLE.value;

  constructor(network: Network, stream: SimStream, place: Place) {
    this.#network = network;
    this.#stream = stream;
    this.#place = place;
    stream.place = place;
  }

  /** Connects to a name. */
  toName(name: string, port: number, allows: (address: string) => boolean = () => true): void {
    const { simulation } = this.#network;
    simulation.after(simulation.faults.dnsMs, undefined, () => {
      const { error, addresses } = this.#network.lookUp(this.#machine, name, 0);
      if (error !== 0) this.#stream.fail(error);
      /* A literal address is the core's to check, before it opens anything. */
      const allowed = addresses.filter((address) => address === name || allows(address));
      if (allowed.length === 0 && addresses.length > 0) this.#stream.fail(Errors.ERR_POLICY.value);
      this.#waiting = allowed;
      this.#next(port);
    });
  }

  /** Connects to a path of the own machine. */
  toPath(path: string): void {
    const listener = this.#machine.listeners.get(path);
    if (listener === undefined) this.#stream.fail(Errors.ERR_NOT_FOUND.value);
    else this.#meet(this.#machine, listener, { local: "", remote: "" }, path);
  }

  get #machine(): Machine {
    return this.#stream.process.machine;
  }

  #next(port: number): void {
    const address = this.#waiting.shift();
    if (address === undefined || this.#won || this.#stream.over) return;
    this.#running++;
    const fail = (error: number): void => {
      this.#running--;
      this.#error = error;
      if (this.#waiting.length > 0) this.#next(port);
      else if (this.#running === 0 && !this.#won) this.#stream.fail(this.#error);
    };
    this.#attempt(address, port, fail);
    if (this.#waiting.length > 0) this.#network.simulation.after(NEXT_MS, undefined, () => this.#next(port));
  }

  #attempt(address: string, port: number, fail: (error: number) => void): void {
    const { simulation } = this.#network;
    const { faults, random } = simulation;
    const from = this.#machine;
    const lost = random.happens(faults.blackHole);
    const refused = random.happens(faults.refused);
    const local = from.freePort();
    const send = (triedMs: number): void => {
      const target = this.#network.at(from, address);
      simulation.after(target === undefined ? faults.latencyMs : this.#network.delay(from, target), undefined, () => {
        if (this.#won || this.#stream.over) return;
        if (target === undefined) {
          fail(Errors.ERR_UNREACHABLE.value);
          return;
        }
        if (lost || !this.#network.passes(from, target)) {
          if (triedMs >= SYN_GIVE_UP_MS) fail(Errors.ERR_TIMEOUT.value);
          else simulation.after(triedMs + 1000, undefined, () => send(2 * triedMs + 1000));
          return;
        }
        const listener = target.listeners.get(port);
        const refuse = (): void => {
          simulation.after(this.#network.delay(target, from), undefined, () => fail(Errors.ERR_REFUSED.value));
        };
        if (listener === undefined || refused) refuse();
        else {
          const mine = address.startsWith("127.") || address === "::1" ? address : ownAddress(from, address);
          const ends = { local: formatAddress(mine, local), remote: formatAddress(address, port) };
          this.#meet(target, listener, ends, undefined, refuse);
        }
      });
    };
    send(0);
  }

  /** A SYN has arrived at a listener. */
  #meet(
    target: Machine,
    listener: unknown,
    ends: { readonly local: string; readonly remote: string },
    path?: string,
    refuse = (): void => this.#stream.fail(Errors.ERR_REFUSED.value),
  ): void {
    const client = this.#stream;
    const from = this.#machine;
    const { simulation } = this.#network;
    if (!(listener instanceof SimListener) || !listener.hasRoom) {
      refuse();
      return;
    }
    const silent = simulation.random.happens(simulation.faults.silent);
    const server = new SimStream(this.#network, listener.process, { accepted: true, silent });
    const backMs = simulation.nowMs + this.#network.delay(target, from);
    const there = new Pipe(this.#network, { from, to: target, source: client, sink: server }, simulation.nowMs);
    const back = new Pipe(this.#network, { from: target, to: from, source: server, sink: client }, backMs);
    server.join(back, there, { local: path ?? ends.remote, remote: ends.local });
    if (!silent && !listener.offer(server)) {
      server.lost(true);
      refuse();
      return;
    }
    const established = (waitMs: number): void => {
      simulation.after(waitMs, undefined, () => {
        if (this.#won || client.over) back.reset();
        if (this.#won || client.over) server.broken("reset");
        else if (!this.#network.passes(target, from)) established(Math.max(1000, waitMs * 2));
        else this.#establish(there, back, { local: ends.local, remote: path ?? ends.remote });
      });
    };
    established(backMs - simulation.nowMs);
  }

  #establish(there: Pipe, back: Pipe, ends: { readonly local: string; readonly remote: string }): void {
    this.#won = true;
    const client = this.#stream;
    client.join(there, back, ends);
    client.deliver("connected", ({ handle, deliver }) => {
      deliver.connected(handle);
      client.begin();
    });
  }

  /** Where the stream delivers. */
  get place(): Place {
    return this.#place;
  }
}

function ownAddress(machine: Machine, peer: string): string {
  return peer.includes(":") ? machine.address6 : machine.address;
}
