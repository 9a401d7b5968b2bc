import type { TwinwireError } from "../../wasm/errors.ts";
import { Waiter, WaitingList } from "../internal/waiting.ts";
import { type ServerSocket, sessionOf } from "./server-socket.ts";

/** Clients that nobody has taken by `accept` yet; those beyond are not kept for it. */
const MOST_READY = 1024;

/** The clients of a server, and who waits for one. */
export class Clients {
  readonly all = new Set<ServerSocket>();
  #ready: ServerSocket[] = [];
  readonly #waiters = new WaitingList<Waiter<ServerSocket>>();
  #end: TwinwireError | undefined;
  #emptied: (() => void) | undefined;

  add(socket: ServerSocket): void {
    this.all.add(socket);
    socket.closed.then(() => this.#left(socket));
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve(socket);
    else if (this.#ready.length < MOST_READY) this.#ready.push(socket);
  }

  next(): Promise<ServerSocket> {
    const socket = this.#ready.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    const waiter = new Waiter<ServerSocket>();
    if (this.#end === undefined) this.#waiters.add(waiter);
    else waiter.reject(this.#end);
    return waiter.promise;
  }

  /** Whether no further ones may come. */
  get stopped(): boolean {
    return this.#end !== undefined;
  }

  /** No further ones come. */
  stop(error: TwinwireError): void {
    this.#end ??= error;
    this.#ready = [];
    this.#waiters.rejectAll(() => error);
  }

  /** Closes all of them; those that do not answer in time are given up. */
  async close(code: number, reason: string, graceMs: number): Promise<void> {
    if (this.all.size === 0) return;
    for (const socket of this.all) sessionOf(socket).close(code, reason);
    const timer = setTimeout(() => {
      for (const socket of this.all) socket.terminate();
    }, graceMs);
    await new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    clearTimeout(timer);
  }

  #left(socket: ServerSocket): void {
    this.all.delete(socket);
    const at = this.#ready.indexOf(socket);
    if (at >= 0) this.#ready.splice(at, 1);
    if (this.all.size === 0) this.#emptied?.();
  }
}
