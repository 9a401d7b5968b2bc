/** What clients request of a hub by frames: to join, to leave, to publish. */
import { TwinwireError } from "../../wasm/errors.ts";
import { frame, type ParsedLine, parse, type ServerLine } from "../hub-client.ts";
import type { ServerSocket } from "../ws-server/socket.ts";
import type { Allow, HubPublishOptions, HubRequest, JoinOptions, Published, Verdict } from "./options.ts";

/** What the requests are made to. */
interface Target {
  join(socket: ServerSocket, topic: string, options: JoinOptions): Promise<unknown>;
  leave(socket: ServerSocket, topic: string): void;
  publish(topic: string, message: string | Uint8Array, options: HubPublishOptions): Promise<Published>;
}

/**
 * Does what a frame of a client requests, and answers it. Returns `undefined` if it is no request to a hub, otherwise a promise
 * that is fulfilled when the answer was sent.
 */
export function receive(
  hub: Target,
  socket: ServerSocket,
  data: string | Uint8Array,
  allow: Allow | undefined,
): Promise<void> | undefined {
  const parsed = parse(data);
  if (parsed === undefined) return undefined;
  const { line, message } = parsed;
  const { join, leave, publish } = line;
  if (typeof join === "string") return answer(socket, { topic: join }, () => joinFor(hub, socket, join, line, allow));
  if (typeof publish === "string") {
    const ack = typeof line.id === "string" ? line.id : undefined;
    const subject = ack === undefined ? { topic: publish } : { ack };
    return answer(socket, subject, async () => {
      const verdict = granted(allow, { action: "publish", topic: publish, socket });
      if (verdict instanceof Promise) await verdict;
      const result = await hub.publish(publish, message, { id: ack });
      if (ack !== undefined) send(socket, { ack, result });
    });
  }
  if (typeof leave !== "string") return undefined;
  hub.leave(socket, leave);
  return Promise.resolve();
}

async function joinFor(
  hub: Target,
  socket: ServerSocket,
  topic: string,
  line: ParsedLine,
  allow: Allow | undefined,
): Promise<void> {
  const granting = granted(allow, { action: "join", topic, socket });
  /* Not later than necessary: what the client publishes next is to reach it. */
  const verdict = granting instanceof Promise ? await granting : granting;
  const since = line.since as string | undefined;
  await hub.join(socket, topic, typeof verdict === "object" ? { since, member: verdict.member } : { since });
}

/** Returns what `allow` grants. @throws TwinwireError ERR_ACCESS if it does not, ERR_CALLBACK if it throws. */
function granted(allow: Allow | undefined, request: HubRequest): Verdict | Promise<Verdict> {
  const check = (verdict: Verdict): Verdict => {
    if (verdict === false || verdict === undefined) {
      throw new TwinwireError("ERR_ACCESS", { step: "call", operation: "Hub.receive", problem: "not allowed" });
    }
    return verdict;
  };
  const verdict = allow?.(request) ?? false;
  return verdict instanceof Promise ? verdict.then(check) : check(verdict);
}

async function answer(socket: ServerSocket, subject: ServerLine, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    if (!(cause instanceof TwinwireError)) {
      send(socket, { ...subject, error: "ERR_CALLBACK" });
      throw cause;
    }
    if (socket.readyState === 1) send(socket, { ...subject, error: cause.code });
  }
}

function send(socket: ServerSocket, line: ServerLine): void {
  if (socket.readyState === 1) socket.send(frame(line));
}
