import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Diary } from "./diary.ts";

/** A message from another process of the demo to this one. */
export type PeerMessage =
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

/** An order from this process to another one. */
export type Order = "read";

/** A program in a process of its own: the other end of the wire. */
export class Peer {
  /** What it has reported over the channel between the processes, not over the network. */
  readonly messages = new Diary<PeerMessage>();
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  #reports = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#gone = once(child, "close");
    child.on("message", (message) => this.messages.add(message as PeerMessage));
  }

  /** Starts a program of this folder, and waits until it listens. */
  static async start(program: string, ...args: string[]): Promise<Peer> {
    const name = import.meta.url.endsWith(".ts") ? `${program}.ts` : `${program}.js`;
    const peer = new Peer(fork(fileURLToPath(new URL(name, import.meta.url)), args, { serialization: "json" }));
    try {
      await peer.messages.until(
        (messages) => messages.find((message) => message.kind === "ready"),
        `${program} to listen`,
        10,
      );
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
    const ready = this.messages.entries.find((message) => message.kind === "ready");
    return ready?.kind === "ready" ? ready.ports : [];
  }

  /** The texts that it reports to have sent or received. */
  get sent(): string[] {
    return this.messages.entries.flatMap((message) => (message.kind === "sent" ? [message.text] : []));
  }

  /** The next report of a connection. */
  async report(): Promise<Report> {
    const nth = this.#reports++;
    const reports = (messages: readonly PeerMessage[]): Report[] =>
      messages.flatMap((message) => (message.kind === "got" ? [message] : []));
    return this.messages.until((messages) => reports(messages)[nth], "the peer's report", 10);
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  /** Kills the process, and waits until it has ended and all its messages have arrived. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(this.pid, "SIGKILL");
    await this.#gone;
  }
}
