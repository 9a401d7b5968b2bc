import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { ReadyState } from "../websocket/session.ts";
import type { SlowClients } from "./options.ts";
import { type ServerSocket, sessionOf } from "./server-socket.ts";

/** The result of a broadcast. */
export interface BroadcastResult {
  /** The number of clients for which the message was queued. */
  readonly sent: number;
  /** With `slow: "skip"`, the clients for which it would have had to wait, and for which nothing was queued. */
  readonly skipped: readonly ServerSocket[];
}

/**
 * Sends one message to many. Those that can take it at once get the same frame, which is made once and handed over in
 * one call; those that compress, or have something waiting, get it behind that.
 *
 * @throws TwinwireError ERR_TOO_LARGE for a message that fits into no outbound buffer.
 */
export function broadcast(
  engine: Engine,
  sockets: Iterable<ServerSocket>,
  data: string | Uint8Array,
  slow: SlowClients,
): BroadcastResult {
  const direct: ServerSocket[] = [];
  const handles: number[] = [];
  const waiting: ServerSocket[] = [];
  let sent = 0;
  for (const socket of sockets) {
    const { link, outbound, readyState } = sessionOf(socket);
    if (link === undefined || readyState !== ReadyState.OPEN) continue;
    if (!outbound.isEmpty) {
      waiting.push(socket);
    } else if (link.compresses(data)) {
      socket.send(data);
      sent++;
    } else {
      direct.push(socket);
      handles.push(link.handle);
    }
  }
  const { taken, results } = engine.wsBroadcast(handles, data);
  if (taken < 0) throw new TwinwireError(errorCode(taken), { step: "send" });
  sent += taken;
  for (const [at, socket] of direct.entries()) {
    const result = results[at] as number;
    if (result >= 0) sessionOf(socket).outbound.took(result);
    else waiting.push(socket);
  }
  if (slow === "skip") return { sent, skipped: waiting };
  for (const socket of waiting) {
    if (socket.readyState !== ReadyState.OPEN) continue;
    socket.send(data);
    sent++;
  }
  return { sent, skipped: [] };
}
