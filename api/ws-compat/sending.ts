import { Buffer } from "node:buffer";
import process from "node:process";
import { Whole } from "../websocket/outgoing.ts";
import { dataOf, type SendCallback, type SendOptions } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { flagsOf, Message } from "./message.ts";

/** Sends a message, or a fragment of one, on an open connection: at once if the engine has room, else behind what waits. */
export function sendMessage(
  connection: Connection,
  data: unknown,
  options: SendOptions,
  done: SendCallback | undefined,
): void {
  const { link, outbound } = connection;
  if (data instanceof Blob) {
    const whole = new Whole(data, false, true);
    whole.waiter?.promise.then(() => done?.(), done ?? (() => {}));
    outbound.add(whole);
    return;
  }
  const { binary = typeof data !== "string" && typeof data !== "number", compress = true, fin = true } = options;
  const begun = connection.fragmentText;
  const text = begun ?? !binary;
  const framing = { text, compress, part: !fin || begun !== undefined, final: fin };
  const taken = dataOf(data);
  const bytes = typeof taken === "string" && !text ? Buffer.from(taken) : taken;
  connection.fragmentText = fin ? undefined : text;
  const finish = (error?: Error): void => {
    if (done !== undefined) process.nextTick(done, error);
  };
  if (link !== undefined && outbound.isEmpty && (framing.part || !compress || !link.compresses(bytes))) {
    const result = link.engine.wsSend(link.handle, bytes, flagsOf(framing));
    if (result >= 0) {
      outbound.took(result);
      finish();
      return;
    }
  }
  outbound.add(new Message(bytes, framing, finish));
}
