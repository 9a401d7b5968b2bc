/** What a command is. */
import type { Arguments, Options } from "./arguments.ts";
import type { Output } from "./output.ts";

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Its arguments as the help shows them. */
  readonly usage: string;
  readonly options: Options;
  /** How many positional arguments it takes. */
  readonly positionals: readonly [least: number, most: number];
  /** Examples, one a line. */
  readonly examples?: readonly string[];
  /**
   * Runs until the work is done or `signal` aborts: by Ctrl-C.
   *
   * @returns the exit status.
   */
  run(args: Arguments, output: Output, signal: AbortSignal): Promise<number>;
}

/** Exit statuses. */
export const Status = { OK: 0, FAILED: 1, USAGE: 2, INTERRUPTED: 130 } as const;

/** Resolves when `signal` aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
