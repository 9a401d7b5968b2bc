/** A simulated machine, and the process that runs on it. */
import type { Runner, Simulation, Task } from "./simulation.ts";

/** The first port that the system gives to sockets that ask for none. */
const EPHEMERAL = 49_152;

/** A socket in the tables of a machine. */
export interface Occupant {
  /** Called when the process of the machine has ended. `silent`: no segment is sent to the peer. */
  lost(silent: boolean): void;
}

/** Accepts connections. */
export interface Acceptor extends Occupant {
  /** Called for a connection attempt from `from`. Returns false if it is to be refused. */
  offer(from: unknown): boolean;
}

/** A process of a machine. When it has ended, nothing of it runs any more. */
export class Process implements Runner {
  alive = true;
  readonly machine: Machine;
  readonly held: (() => void)[] = [];
  /** Runs code of the process. `twinwire/sim` sets it, to know which process the code belongs to. */
  around: (run: () => void) => void = (run) => run();

  constructor(machine: Machine) {
    this.machine = machine;
  }

  get paused(): boolean {
    return this.machine.pausedUntil > this.machine.simulation.nowMs;
  }

  enter(run: () => void): void {
    this.around(run);
  }

  /** Schedules code of the process. */
  after(delayMs: number, run: () => void): Task {
    return this.machine.simulation.after(delayMs, this, run);
  }
}

/** A machine: its addresses, its tables of sockets, its clock. */
export class Machine {
  readonly simulation: Simulation;
  readonly name: string;
  readonly address: string;
  readonly address6: string;
  process: Process;
  /** Whether it is powered off: it neither sends nor answers. */
  off = false;
  pausedUntil = 0;
  /** Milliseconds that its system clock is ahead of the simulation's. */
  clockErrorMs = 0;
  readonly listeners = new Map<number | string, Acceptor>();
  readonly udp = new Map<number, unknown>();
  readonly sockets = new Set<Occupant>();
  #nextPort = EPHEMERAL;

  constructor(simulation: Simulation, name: string, index: number) {
    this.simulation = simulation;
    this.name = name;
    this.address = `10.0.${index >> 8}.${index & 255}`;
    this.address6 = `fd00::${index.toString(16)}`;
    this.process = new Process(this);
  }

  /** Adds a line to the record. */
  note(text: string): void {
    this.simulation.note(this.name, text);
  }

  /** A port that no other socket of the machine has. */
  freePort(): number {
    for (;;) {
      const port = this.#nextPort;
      this.#nextPort = port === 65_535 ? EPHEMERAL : port + 1;
      if (!this.listeners.has(port) && !this.udp.has(port)) return port;
    }
  }

  /** Whether its tables have room for another socket. */
  get hasRoom(): boolean {
    return this.sockets.size < this.simulation.faults.sockets;
  }

  /** Stops the process for a time. What is due meanwhile happens at the end, in order. */
  pause(forMs: number): void {
    const { simulation } = this;
    this.note(`pause ${forMs}`);
    this.pausedUntil = Math.max(this.pausedUntil, simulation.nowMs + forMs);
    simulation.after(forMs, undefined, () => this.resume(false));
  }

  /** Lets a paused process run. `now`: also if the time is not over. */
  resume(now = true): void {
    if (now) this.pausedUntil = 0;
    if (this.process.paused) return;
    for (const run of this.process.held.splice(0)) this.process.after(0, run);
  }

  /** Ends the process; a new one takes its place. Unless it is `silent`, the system closes its connections. */
  end(silent: boolean): void {
    this.note(silent ? "power off" : "crash");
    this.process.alive = false;
    this.process = new Process(this);
    this.pausedUntil = 0;
    for (const socket of [...this.sockets]) socket.lost(silent);
    this.sockets.clear();
    this.listeners.clear();
    this.udp.clear();
    this.off = silent;
  }
}
