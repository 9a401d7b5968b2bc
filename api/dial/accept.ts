import { TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import type { Conn } from "../conn/conn.ts";
import { show } from "../internal/arguments.ts";
import { callSafely } from "../internal/callbacks.ts";
import { callback, OptionSet } from "../internal/options.ts";
import type { Listener } from "./networks.ts";

/** How `accept` goes on. */
export interface AcceptOptions {
  /**
   * Called with what a handler threw and its connection, which is closed by then; and with what ended the listener. Default:
   * what a handler threw goes to `console.error`, and a listener that fails is an uncaught error.
   */
  readonly onError?: ((error: unknown, conn?: Conn) => void) | undefined;
}

const acceptOptions = new OptionSet<AcceptOptions>({ onError: callback() });

/**
 * Accepts connections in the background until the listener is closed, and calls the handler with each of them. Returns at
 * once. The connection is the handler's to close. A handler that throws, or whose promise is rejected, loses its own
 * connection; all others go on.
 *
 * Handlers run on the one thread of the program, so they may change outer variables; between two `await`s nothing else
 * runs.
 *
 * @throws TwinwireError ERR_ARGUMENT for a handler that is no function.
 */
export function accept(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options?: AcceptOptions,
): void {
  const checked = acceptOptions.read("accept", options, "accept");
  if (typeof handler !== "function") {
    throw new TwinwireError("ERR_ARGUMENT", { step: "accept", reason: `handler ${show(handler)}` });
  }
  acceptAll(listener, handler, checked).catch((error: unknown) => {
    if (checked.onError === undefined) report(error);
    else tell(checked, error);
  });
}

async function acceptAll(
  listener: Listener,
  handler: (conn: Conn) => void | Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  for await (const conn of listener) void serve(conn, handler, options);
}

async function serve(conn: Conn, handler: (conn: Conn) => void | Promise<void>, options: AcceptOptions): Promise<void> {
  try {
    await handler(conn);
  } catch (error) {
    conn.close();
    tell(options, error, conn);
  }
}

function tell({ onError }: AcceptOptions, error: unknown, conn?: Conn): void {
  if (onError === undefined) console.error("accept: a handler failed:", error);
  else callSafely(() => onError(error, conn), report);
}
