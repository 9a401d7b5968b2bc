import type { Port } from "../port.ts";
import { ScriptPort } from "./script-port.ts";

export { joinBytes, parseBytes, showBytes } from "./bytes.ts";
export { ClientStream } from "./client-stream.ts";
export { Log } from "./log.ts";
export { Script } from "./script.ts";
export { ScriptPort } from "./script-port.ts";
export { newSocket, type ScriptSocket } from "./socket.ts";

/** Makes a scripted port for a new engine. */
export function createPort(): Port {
  return new ScriptPort();
}
