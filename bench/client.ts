/** The process of one contender: measures what its parent asks for, one job after the other, until the parent leaves. */
import type { EchoCase, ServeCase } from "./cases.ts";
import { CompiledServer } from "./compiled.ts";
import { Contender } from "./contenders.ts";
import { measureIdle, measureIdleServer } from "./idle.ts";
import type { Answer, Job, Measured, Ports } from "./protocol.ts";
import { measureServe } from "./serve.ts";

/** What a contender's file exports. */
interface Client {
  /** Runs an echo case over one connection of its own. */
  echo(echoCase: EchoCase, job: Job): Promise<Measured>;
  /** Opens a connection that then does nothing. What it returns is kept. */
  openIdle?(ports: Ports): Promise<unknown>;
}

/** Only the contender's own code is loaded: it shares the process with no other. */
const clients: Partial<Record<Contender, () => Promise<Client>>> = {
  [Contender.TWINWIRE]: () => import("./clients/twinwire.ts"),
  [Contender.WS]: () => import("./clients/ws.ts"),
  [Contender.RAW]: () => import("./clients/raw.ts"),
  [Contender.NET]: () => import("./clients/net.ts"),
  [Contender.WEB]: () => import("./clients/web.ts"),
  [Contender.UNDICI]: () => import("./clients/undici.ts"),
};

/** What a server's file exports. */
interface Server {
  /** Starts it; its port. */
  start(task: ServeCase["task"]): Promise<number>;
}

const httpServers: Partial<Record<Contender, () => Promise<Server>>> = {
  [Contender.TWINWIRE]: () => import("./servers/http-twinwire.ts"),
  [Contender.HTTP]: () => import("./servers/http-node.ts"),
  [Contender.BUN_SERVE]: () => import("./servers/bun-serve.ts"),
  [Contender.DENO_SERVE]: () => import("./servers/deno-serve.ts"),
};

const wsServers: Partial<Record<Contender, () => Promise<Server>>> = {
  [Contender.TWINWIRE]: () => import("./servers/ws-twinwire.ts"),
  [Contender.RECORDED]: () => import("./servers/ws-recorded.ts"),
  [Contender.WS]: () => import("./servers/ws-ws.ts"),
  [Contender.BUN_SERVE]: () => import("./servers/bun-serve.ts"),
  [Contender.DENO_SERVE]: () => import("./servers/deno-serve.ts"),
};

const tcpServers: Partial<Record<Contender, () => Promise<Server>>> = {
  [Contender.TWINWIRE]: () => import("./servers/tcp-twinwire.ts"),
  [Contender.NET]: () => import("./servers/tcp-net.ts"),
  [Contender.BUN_LISTEN]: () => import("./servers/bun-listen.ts"),
};

/** The port of the server that this process is, once it has been asked for one. */
let port: number | undefined;

/** Of Contender.THREADED. */
const THREADS = 4;

/** The server in C that it has started instead. */
let compiled: CompiledServer | undefined;

/** Each API of twinwire has a file of its own. */
function load({ contender, case: { protocol, name } }: Job): Promise<Client> {
  if (contender === Contender.TWINWIRE && protocol === "sync") return import("./clients/twinwire-sync.ts");
  if (contender === Contender.TWINWIRE && protocol === "http") return import("./clients/twinwire-http.ts");
  if (contender === Contender.PROMISES || (contender === Contender.TWINWIRE && protocol === "conn"))
    return import("./clients/twinwire-conn.ts");
  return known(clients[contender], contender, name)();
}

function known<T>(found: T | undefined, contender: Contender, name: string): T {
  if (found === undefined) throw new Error(`${contender} takes no part in ${name}`);
  return found;
}

/** What the job measures is a program. */
async function runCompiled(job: Job, program: string): Promise<Measured> {
  const { case: one } = job;
  const threads = job.contender === Contender.THREADED ? [`${THREADS}`] : [];
  compiled ??= await CompiledServer.start(program, one.protocol, ...threads);
  if (one.kind === "serve") return measureServe(one, job, compiled.port, compiled);
  if (one.kind === "idle") return measureIdleServer(one, job, compiled.port, compiled);
  throw new Error(`${job.contender} takes no part in ${one.name}`);
}

async function run(job: Job): Promise<Measured> {
  if (job.program !== undefined) return runCompiled(job, job.program);
  if (job.case.kind === "serve") {
    const servers = { http: httpServers, ws: wsServers, tcp: tcpServers }[job.case.protocol];
    port ??= await (await known(servers[job.contender], job.contender, job.case.name)()).start(job.case.task);
    return measureServe(job.case, job, port);
  }
  if (job.case.kind === "hub") return (await import("./hub/measure.ts")).measureHub(job.case, job);
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
process.on("disconnect", () => {
  /* Its server is waited for: it would be left to the system otherwise. */
  void (compiled?.end() ?? Promise.resolve()).finally(() => process.exit(0));
});
