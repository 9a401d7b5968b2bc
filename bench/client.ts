/** The process of one contender: measures what its parent asks for, one job after the other, until the parent leaves. */
import { Contender, type EchoCase } from "./cases.ts";
import { measureIdle } from "./idle.ts";
import type { Answer, Job, Measured, Ports } from "./protocol.ts";

/** What a contender's file exports. */
interface Client {
  /** Runs an echo case over one connection of its own. */
  echo(echoCase: EchoCase, job: Job): Promise<Measured>;
  /** Opens a connection that then does nothing. What it returns is kept. */
  openIdle?(ports: Ports): Promise<unknown>;
}

/** Only the contender's own code is loaded: it shares the process with no other. */
const clients: Record<Contender, () => Promise<Client>> = {
  [Contender.TWINWIRE]: () => import("./clients/twinwire.ts"),
  [Contender.WS]: () => import("./clients/ws.ts"),
  [Contender.RAW]: () => import("./clients/raw.ts"),
  [Contender.NET]: () => import("./clients/net.ts"),
  [Contender.WEB]: () => import("./clients/web.ts"),
};

/** twinwire's doors have a file each. */
function load({ contender, case: { protocol } }: Job): Promise<Client> {
  const isConn = contender === Contender.TWINWIRE && protocol === "conn";
  return isConn ? import("./clients/twinwire-conn.ts") : clients[contender]();
}

async function run(job: Job): Promise<Measured> {
  const client = await load(job);
  if (job.case.kind === "echo") return client.echo(job.case, job);
  if (client.openIdle === undefined) throw new Error(`${job.contender} takes no part in ${job.case.name}`);
  return measureIdle(job.case, job, client.openIdle);
}

process.on("message", (message) => {
  run(message as Job)
    .then((ok): Answer => ({ ok }))
    .catch(
      (error: unknown): Answer => ({ failed: error instanceof Error ? (error.stack ?? error.message) : `${error}` }),
    )
    .then((answer) => process.send?.(answer));
});
process.on("disconnect", () => process.exit(0));
