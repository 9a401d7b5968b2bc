import { createHash } from "node:crypto";
import { lastError, net, ws } from "twinwire/handles";
import { Diary } from "./diary.ts";

/** Bytes of one send. */
export const PIECE = 64 * 1024;

/** What net and ws have in common. */
export interface Wire {
  readonly name: string;
  readonly happened: Diary<Happening>;
  send(data: Uint8Array): number;
  buffered(): number;
  isOpen(): boolean;
  close(): void;
}

/** What came of a handle. */
export type Happening = { readonly kind: "connected" | "drain" };

/** A TCP connection. */
export function overTcp(port: number): Wire {
  const happened = new Diary<Happening>();
  const sock = net.tcpConnect("127.0.0.1", port);
  net.on(sock, "connected", () => happened.add({ kind: "connected" }));
  net.on(sock, "drain", () => happened.add({ kind: "drain" }));
  return {
    name: "net.send",
    happened,
    send: (data) => net.send(sock, data),
    buffered: () => net.bufferedAmount(sock),
    isOpen: () => net.state(sock) === "open",
    close: () => net.close(sock),
  };
}

/** A WebSocket. */
export function overWebSocket(port: number): Wire {
  const happened = new Diary<Happening>();
  const conn = ws.open(`ws://127.0.0.1:${port}/`);
  ws.on(conn, "connected", () => happened.add({ kind: "connected" }));
  ws.on(conn, "drain", () => happened.add({ kind: "drain" }));
  return {
    name: "ws.send",
    happened,
    send: (data) => ws.send(conn, data),
    buffered: () => ws.bufferedAmount(conn),
    isOpen: () => ws.state(conn) === "open",
    close: () => ws.close(conn),
  };
}

/** Sends a file, from its start again when it ends, in pieces, as a program does that heeds backpressure. */
export class Upload {
  readonly wire: Wire;
  /** How often a send was refused. */
  refusals = 0;
  /** Whether each refused send said why, changed nothing of what waits, and left the connection open. */
  refusedWell = true;
  /** Bytes that were taken. */
  size = 0;
  readonly #file: Uint8Array;
  readonly #hash = createHash("sha256");

  constructor(file: Uint8Array, wire: Wire) {
    this.#file = file;
    this.wire = wire;
  }

  /** SHA-256 of all that was taken; it can be asked for once. */
  sha256(): string {
    return this.#hash.digest("hex");
  }

  get drains(): number {
    return this.wire.happened.entries.filter((it) => it.kind === "drain").length;
  }

  async connected(): Promise<void> {
    await this.wire.happened.until((all) => all.find((it) => it.kind === "connected"), "the connection", 5);
  }

  /** Waits until a drain has followed each refusal. */
  async drained(seconds: number): Promise<void> {
    await this.wire.happened.until(() => (this.drains >= this.refusals ? true : undefined), "a drain", seconds);
  }

  /** Sends until a send is refused and no drain comes, or `most` bytes were taken. Returns whether it came to a stop. */
  async untilStalled(most: number, quietSeconds: number): Promise<boolean> {
    for (;;) {
      if (!this.#fill(most)) return false;
      try {
        await this.drained(quietSeconds);
      } catch {
        return true;
      }
    }
  }

  /** Sends `size` bytes more, and waits for a drain whenever a send is refused. */
  async more(size: number): Promise<void> {
    const end = this.size + size;
    while (this.#fill(end)) await this.drained(5);
  }

  /** Sends until `end` bytes were taken or a send is refused. Returns whether one was. */
  #fill(end: number): boolean {
    while (this.size < end) {
      const at = this.size % (this.#file.length - PIECE);
      const piece = this.#file.subarray(at, at + PIECE);
      const before = this.wire.buffered();
      if (this.wire.send(piece) < 0) {
        this.refusals++;
        const nothing = this.wire.buffered() === before && this.wire.isOpen();
        this.refusedWell &&= nothing && lastError()?.code === "ERR_BACKPRESSURE";
        return true;
      }
      this.#hash.update(piece);
      this.size += piece.length;
    }
    return false;
  }
}
