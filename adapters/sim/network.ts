/** The network between simulated machines: addresses, names, delays, partitions. */
import { Errors } from "../../wasm/abi.gen.ts";
import type { Resolution } from "../port.ts";
import { Machine } from "./machine.ts";
import { completeFaults, type NetworkOptions, type Recurring } from "./options.ts";
import { Simulation } from "./simulation.ts";

/** The time after which the system gives up a connection whose peer acknowledges nothing: tcp_retries2 = 15 of Linux. */
export const GIVE_UP_MS = 924_600;

/** The first retransmission timeout, and the longest. */
export const RETRANSMIT_MS = 200;
export const LONGEST_RETRANSMIT_MS = 120_000;

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Whether a name is a literal address. */
export function isLiteral(name: string): boolean {
  return name.includes(":") || IPV4.test(name);
}

/** All machines of a run. */
export class Network {
  readonly simulation: Simulation;
  readonly #machines = new Map<string, Machine>();
  readonly #byAddress = new Map<string, Machine>();
  /** Pairs between which nothing passes. */
  readonly #cut = new Set<string>();

  constructor(seed: number | string, options: NetworkOptions = {}) {
    this.simulation = new Simulation(seed, completeFaults(options));
    this.#recur("partitions", (forMs) => this.#partitionTwo(forMs));
    this.#recur("pauses", (forMs) => this.#any()?.pause(forMs));
    this.#recur("clockJumps", (byMs) => {
      const machine = this.#any();
      if (machine !== undefined) this.jumpClock(machine, this.simulation.random.happens(0.5) ? byMs : -byMs);
    });
  }

  /** Returns the machine of a name. The first call creates it. */
  machine(name: string): Machine {
    let machine = this.#machines.get(name);
    if (machine === undefined) {
      machine = new Machine(this.simulation, name, this.#machines.size + 1);
      this.#machines.set(name, machine);
      this.#byAddress.set(machine.address, machine);
      this.#byAddress.set(machine.address6, machine);
    }
    return machine;
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  /** Changes options while the simulation runs. `partitions`, `pauses` and `clockJumps` take effect at the start only. */
  change(options: NetworkOptions): void {
    this.simulation.faults = completeFaults(options, this.simulation.faults);
  }

  /** Lets nothing pass between the machines of one group and those of the other. */
  partition(one: readonly Machine[], other: readonly Machine[]): void {
    for (const a of one) {
      for (const b of other) {
        if (a === b) continue;
        this.simulation.note(a.name, `partition ${b.name}`);
        this.#cut.add(pair(a, b));
      }
    }
  }

  /** Ends the partitions between two groups. */
  heal(one: readonly Machine[], other: readonly Machine[]): void {
    for (const a of one) {
      for (const b of other) if (this.#cut.delete(pair(a, b))) this.simulation.note(a.name, `heal ${b.name}`);
    }
  }

  /** Ends all partitions. */
  healAll(): void {
    this.simulation.note("network", "heal");
    this.#cut.clear();
  }

  /** Changes a machine's system clock. */
  jumpClock(machine: Machine, byMs: number): void {
    machine.note(`clock ${byMs}`);
    machine.clockErrorMs += byMs;
  }

  /** Whether what leaves one machine can arrive at the other. */
  passes(from: Machine, to: Machine): boolean {
    return !from.off && !to.off && (this.#cut.size === 0 || !this.#cut.has(pair(from, to)));
  }

  /** Milliseconds that something takes from one machine to another. */
  delay(from: Machine, to: Machine): number {
    const { faults, random } = this.simulation;
    if (from === to) return 0;
    return faults.latencyMs + (faults.jitterMs > 0 ? random.fraction() * faults.jitterMs : 0);
  }

  /** The machine of an address, as `from` sees it. */
  at(from: Machine, address: string): Machine | undefined {
    if (address === "::1" || address.startsWith("127.")) return from;
    return this.#byAddress.get(address);
  }

  /** The addresses of a name. */
  lookUp(from: Machine, name: string, family: 0 | 4 | 6): Resolution {
    const { faults, random } = this.simulation;
    if (isLiteral(name)) return { error: 0, addresses: [name] };
    if (random.happens(faults.dnsFailure)) return { error: Errors.ERR_NAME_FAILED.value, addresses: [] };
    const addresses = this.#addressesOf(from, name).filter((it) => family === 0 || (family === 6) === it.includes(":"));
    return addresses.length > 0 ? { error: 0, addresses } : { error: Errors.ERR_NAME_NOT_FOUND.value, addresses: [] };
  }

  #addressesOf(from: Machine, name: string): readonly string[] {
    const { dns } = this.simulation.faults;
    if (Object.hasOwn(dns, name)) return dns[name] ?? [];
    if (name === "localhost") return ["127.0.0.1", "::1"];
    const machine = name === from.name ? from : this.#machines.get(name);
    return machine === undefined ? [] : [machine.address, machine.address6];
  }

  #any(): Machine | undefined {
    const { machines } = this;
    return machines[this.simulation.random.between(0, machines.length - 1)];
  }

  #partitionTwo(forMs: number): void {
    const one = this.#any();
    const other = this.#any();
    if (one === undefined || other === undefined || one === other) return;
    this.partition([one], [other]);
    this.simulation.after(forMs, undefined, () => this.heal([one], [other]));
  }

  /** Does something again and again, as an option says. */
  #recur(name: "partitions" | "pauses" | "clockJumps", act: (forMs: number) => void): void {
    const { faults, random } = this.simulation;
    const recurring: Recurring | undefined = faults[name];
    if (recurring === undefined) return;
    this.simulation.after(random.fraction() * 2 * recurring.everyMs, undefined, () => {
      act(Math.ceil(random.fraction() * 2 * recurring.forMs));
      this.#recur(name, act);
    });
  }
}

function pair(a: Machine, b: Machine): string {
  return a.name < b.name ? `${a.name}\n${b.name}` : `${b.name}\n${a.name}`;
}
