/** Simulated time: what is going to happen, in order, and a record of what has happened. */
import type { Faults } from "./options.ts";
import { hashText, Random } from "./random.ts";

/** A simulated process, as the scheduler sees it: it can be paused, and it can end. */
export interface Runner {
  readonly alive: boolean;
  /** Whether it is paused. What is due meanwhile waits in `held`. */
  readonly paused: boolean;
  readonly held: (() => void)[];
  /** Runs code as that of the process. */
  enter(run: () => void): void;
}

/** Something that is going to happen. */
export interface Task {
  readonly atMs: number;
  cancelled: boolean;
}

interface Scheduled extends Task {
  readonly order: number;
  /** Whose code it runs; `undefined`: the network and the systems, which are never paused. */
  readonly runner: Runner | undefined;
  readonly run: () => void;
}

/** Lines that are kept of the record. */
const KEPT = 2_000;

/** Time, chance and the record of one run. */
export class Simulation {
  readonly random: Random;
  /** For what the application asks, so that the network's chances do not depend on it. */
  readonly applicationRandom: Random;
  faults: Faults;
  /** Milliseconds since the start. */
  nowMs = 0;
  /** Things that have happened. */
  steps = 0;
  readonly #heap: Scheduled[] = [];
  #order = 0;
  #digest = 0x811c9dc5;
  #other = 0x1234567;
  readonly #lines: string[] = [];

  constructor(seed: number | string, faults: Faults) {
    this.random = new Random(seed);
    this.applicationRandom = new Random(`${seed} application`);
    this.faults = faults;
  }

  /** Schedules what happens `delayMs` from now: after everything that is scheduled for the same time already. */
  after(delayMs: number, runner: Runner | undefined, run: () => void): Task {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const task = { atMs, order: this.#order++, runner, run, cancelled: false };
    this.#push(task);
    return task;
  }

  /**
   * Lets what is next happen. Cancelled tasks and those of processes that have ended are dropped.
   *
   * @returns `"idle"` if nothing is left to happen; `"code"` if code of a process ran, `"system"` if not.
   */
  step(): "idle" | "system" | "code" {
    for (;;) {
      const task = this.#pop();
      if (task === undefined) return "idle";
      const { runner, run } = task;
      if (task.cancelled || runner?.alive === false) continue;
      this.nowMs = task.atMs;
      this.steps++;
      if (runner === undefined) {
        run();
        return "system";
      }
      if (runner.paused) {
        runner.held.push(() => {
          if (!task.cancelled) run();
        });
        return "system";
      }
      runner.enter(run);
      return "code";
    }
  }

  /** When the next thing is due; Infinity if there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Adds a line to the record and to the digest. */
  note(host: string, text: string): void {
    const line = `${this.nowMs.toFixed(3)} ${host} ${text}`;
    this.#digest = hashText(line, this.#digest);
    this.#other = (Math.imul(this.#other, 31) + this.#digest) | 0;
    this.#lines.push(line);
    if (this.#lines.length >= 2 * KEPT) this.#lines.splice(0, KEPT);
  }

  /** A number that stands for everything that has happened: equal in runs that were equal. */
  get digest(): string {
    return this.#digest.toString(16).padStart(8, "0") + (this.#other >>> 0).toString(16).padStart(8, "0");
  }

  /** The last lines of the record. */
  get lines(): readonly string[] {
    return this.#lines.slice(-KEPT);
  }

  #push(task: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(task);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Scheduled;
      if (!isBefore(task, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const left = heap[child];
      if (left === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) child++;
      const smaller = heap[child] as Scheduled;
      if (!isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** A hash of bytes, for the record. */
export function hashBytes(pieces: readonly Uint8Array[], size: number): string {
  let hash = 0x811c9dc5;
  let left = size;
  for (const piece of pieces) {
    const end = Math.min(left, piece.length);
    for (let at = 0; at < end; at++) hash = Math.imul(hash ^ (piece[at] as number), 0x01000193);
    left -= end;
  }
  return (hash >>> 0).toString(16);
}
