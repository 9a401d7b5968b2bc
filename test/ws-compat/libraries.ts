/** npm's `ws` and our stand-in for it, to be put to the same test. */
import type { EventEmitter } from "node:events";
import { types } from "node:util";
import * as ours from "twinwire/ws-compat";
import * as theirs from "ws";
import { atEnd } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";

/** What both are, by the types of the original. */
export type Library = Pick<typeof theirs, "WebSocket" | "WebSocketServer" | "createWebSocketStream">;

/** The original. */
export const original: Library = theirs;

/** Ours, taken for it. */
export const standIn: Library = ours as unknown as Library;

/** What a value is, as a listener sees it. */
export function shown(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return { buffer: value.length > 100 ? value.length : value.toString("latin1") };
  if (types.isAnyArrayBuffer(value)) return { arrayBuffer: Buffer.from(value).toString("latin1") };
  if (Array.isArray(value)) return value.map(shown);
  if (types.isNativeError(value)) {
    const { name, message } = value;
    const code = "code" in value ? value.code : undefined;
    return { name, code, message };
  }
  return value;
}

/** What happened, in order: [event, ...values]. */
export function watch(emitter: EventEmitter, ...events: readonly string[]): unknown[][] {
  const log: unknown[][] = [];
  for (const event of events) {
    emitter.on(event, (...values: unknown[]) => log.push([event, ...values.map(shown)]));
  }
  return log;
}

/** What a client reports, from its beginning to its end. */
export async function life(ws: theirs.WebSocket): Promise<unknown[][]> {
  const log = watch(ws, "open", "message", "error", "close");
  await ended(ws);
  return log;
}

/** Fulfilled with the end of a WebSocket. */
export function ended(ws: theirs.WebSocket): Promise<void> {
  atEnd(() => ws.terminate());
  return within(
    new Promise((resolve) => {
      ws.once("close", () => resolve());
      ws.on("error", () => {});
    }),
    "the end of a WebSocket",
  );
}

/** Fulfilled once so much has happened. */
export function count(log: readonly unknown[], size: number): Promise<void> {
  return until(() => log.length >= size, `${size} events`);
}

/** The next event of that name: its values. */
export function next(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return within(
    new Promise((resolve) => {
      emitter.once(event, (...values: unknown[]) => resolve(values));
    }),
    `the event ${event}`,
  );
}

/** What a call throws. */
export function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return shown(error);
  }
  return "nothing";
}
