import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { isPermitted } from "./permissions.ts";

/**
 * The error of a process that has no free descriptor, or `undefined` if it has one or that can't be found out. For want
 * of a descriptor some calls of the system and of the runtimes fail as if a name did not exist or a peer refused.
 *
 * @param operation what failed and where, as the message begins.
 */
export function descriptorError(operation: string): Error | undefined {
  if (!isPermitted({ name: "read", path: devNull })) return;
  try {
    closeSync(openSync(devNull, "r"));
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== "EMFILE" && code !== "ENFILE") return;
    return Object.assign(new Error(`${operation}: ${code}`, { cause: error }), { code });
  }
  return;
}
