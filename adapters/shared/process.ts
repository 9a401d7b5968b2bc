/** What the process may do and has: permissions, environment, file descriptors. */
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import process from "node:process";

/** What Deno asks its user for, as far as it is needed here. */
type Permission =
  | { readonly name: "read"; readonly path: string }
  | { readonly name: "env"; readonly variable: string };

interface DenoRuntime {
  readonly permissions: { querySync(permission: Permission): { readonly state: string } };
}

const { Deno } = globalThis as { Deno?: DenoRuntime };

/** Whether the program may do this without a question to the user. Only Deno restricts it. */
export function isPermitted(permission: Permission): boolean {
  return Deno === undefined || Deno.permissions.querySync(permission).state === "granted";
}

/** As `Port.env`. */
export function readEnv(name: string): string | undefined {
  return isPermitted({ name: "env", variable: name }) ? process.env[name] : undefined;
}

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
