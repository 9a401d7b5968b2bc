/**
 * twinwire/sync-worker: the module of the thread in which `twinwire/sync` runs its engine. Programs do not import it; bundlers
 * may have to be given it as an entry of its own.
 *
 * @module
 */
import process from "node:process";
import { workerData } from "node:worker_threads";
import { TwinwireError } from "../wasm/errors.ts";
import { Resources } from "./sync/operations.ts";
import { Service } from "./sync/service.ts";
import { EngineState, Shared } from "./sync/shared.ts";

const buffer: unknown = (workerData as { twinwire?: unknown } | null)?.twinwire;
if (!(buffer instanceof SharedArrayBuffer)) {
  throw new TwinwireError("ERR_UNSUPPORTED", {
    operation: "twinwire/sync-worker",
    problem: "this module runs in a thread that twinwire/sync starts",
    remedy: "import twinwire/sync",
  });
}
const shared = new Shared(buffer);
const resources = new Resources(() => shared.end(EngineState.ENDED));
const fail = (error: unknown): void => {
  shared.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
};
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
/* Something that keeps the thread alive while no socket does. */
setInterval(() => {}, 2 ** 30);
new Service(shared, resources).run().catch(fail);
