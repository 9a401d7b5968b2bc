/** twinwire's WebSocketServer with a flight recorder. */
import { recorder } from "twinwire";
import type { ServeCase } from "../cases.ts";
import { start as startPlain } from "./ws-twinwire.ts";

/** As the one without; returns its port. */
export function start(task: ServeCase["task"]): Promise<number> {
  recorder();
  return startPlain(task);
}
