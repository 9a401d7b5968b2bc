import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Diary } from "./diary.ts";

/** What the other processes of the demo tell this one. */
export type Word =
  | { readonly kind: "ready"; readonly ports: readonly number[] }
  | { readonly kind: "sent"; readonly text: string }
  | Report;

/** What a peer has received of a connection that has ended. */
export interface Report {
  readonly kind: "got";
  readonly bytes: number;
  /** Chunks of a stream, messages of a WebSocket. */
  readonly pieces: number;
  readonly sha256: string;
}

/** What they are told. */
export type Order = "read";

/** A program in a process of its own: the other end of the wire. */
export class Peer {
  /** What it has told, by another way than the wire. */
  readonly told = new Diary<Word>();
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  #reports = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = once(child, "close");
    child.on("message", (word) => this.told.add(word as Word));
  }

  /** Starts a program of this folder, and waits until it listens. */
  static async start(program: string, ...args: string[]): Promise<Peer> {
    const name = import.meta.url.endsWith(".ts") ? `${program}.ts` : `${program}.js`;
    const peer = new Peer(fork(fileURLToPath(new URL(name, import.meta.url)), args, { serialization: "json" }));
    try {
      await peer.told.until((words) => words.find((word) => word.kind === "ready"), `${program} to listen`, 10);
    } catch (error) {
      await peer.kill();
      throw error;
    }
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The ports it listens on. */
  get ports(): readonly number[] {
    const ready = this.told.entries.find((word) => word.kind === "ready");
    return ready?.kind === "ready" ? ready.ports : [];
  }

  /** The texts that it says it has sent, or has heard. */
  get sent(): string[] {
    return this.told.entries.flatMap((word) => (word.kind === "sent" ? [word.text] : []));
  }

  /** The next report of a connection. */
  async report(): Promise<Report> {
    const nth = this.#reports++;
    const reports = (words: readonly Word[]): Report[] => words.flatMap((word) => (word.kind === "got" ? [word] : []));
    return this.told.until((words) => reports(words)[nth], "the peer's report", 10);
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  /** Kills the process, and waits until it is gone and all that it told has come. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(this.pid, "SIGKILL");
    await this.#gone;
  }
}
