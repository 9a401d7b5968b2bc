/** README.md and docs/ are true: their code is checked and run, their tables are current, their links have targets. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "@jest/globals";
import * as handles from "../api/handles.ts";
import * as main from "../api/index.ts";
import { Errors } from "../wasm/abi.gen.ts";
import { startPeers } from "./docs/peers.ts";
import { host, inspected } from "./support/host.ts";
import { PATIENCE } from "./support/wait.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "build/docs");
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`),
].sort();
const read = (path: string): string => readFileSync(join(root, path), "utf8");
/** The pages show objects as Node prints them. */
const shown = (text: string): string => (host === "node" ? text : inspected(text).trim());

interface Block {
  page: string;
  name: string;
  /** With an import it is a whole program, without one a fragment. */
  program: boolean;
  code: string;
  /** The lines that it prints first, if a block of text follows it. */
  prints: string | undefined;
}

/** The blocks of TypeScript and JavaScript of a page. */
function blocks(page: string): Block[] {
  const fence = /^```(ts|js)\n([\s\S]*?)^```\n(?:\s*^```text\n([\s\S]*?)^```\n)?/gm;
  return [...read(page).matchAll(fence)].map(({ 2: code = "", 3: prints, index }) => ({
    page,
    name: `${page.replaceAll(/[/.]/g, "-")}-${read(page).slice(0, index).split("\n").length}`,
    program: /^import /m.test(code),
    code,
    prints,
  }));
}

const all = pages.flatMap(blocks);
const programs = all.filter((block) => block.program);

/** What a fragment may take for granted, by page. */
const connections = `import { type Conn, TcpConnection, TcpServer, TlsConnection, TlsServer, UdpSocket } from "twinwire";
declare const conn: Conn;
declare const bytes: Uint8Array;
`;
const handlesPrelude = `import { defineEvent, lastError, limits, net, on, runtime, ws } from "twinwire/handles";
declare const sock: number;
declare const conn: number;
declare const bytes: Uint8Array;
`;

const webSocket = `import { WebSocket } from "twinwire";
declare const ws: WebSocket;
declare function token(): Promise<string>;
`;

const webSocketServer = `import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { http, openMetrics, TcpServer, WebSocketServer } from "twinwire";
declare const server: WebSocketServer;
`;

const hub = `import { MessageChannel, Worker, workerData } from "node:worker_threads";
import * as nats from "@nats-io/transport-node";
import { createClient } from "redis";
import { Hub, HubClient, type HubDriver, MemoryBroker, NatsDriver, PortDriver, RedisDriver } from "twinwire/hub";
import { type ServerSocket, WebSocketServer } from "twinwire";
declare const hub: Hub;
declare const driver: HubDriver;
declare const broker: MemoryBroker;
declare const socket: ServerSocket;
declare const since: string;
`;

const preludes: Readonly<Record<string, string>> = {
  "docs/connections.md": connections,
  "docs/tls.md": connections,
  "docs/servers.md": webSocketServer,
  "docs/websocket.md": webSocket,
  "docs/websocket-server.md": webSocketServer,
  "docs/hub.md": hub,
};
const preludeOf = (page: string): string => preludes[page] ?? handlesPrelude;

const config = {
  extends: "../../tsconfig.tools.json",
  compilerOptions: { rootDir: ".", outDir: "out", noUnusedLocals: false },
  include: ["*.ts"],
};

/* By the project's own tsconfig.json Bun would take the package from its sources, with the adapter of Node. */
const flags = "bun" in process.versions ? [`--tsconfig-override=${join(root, "tsconfig.tools.json")}`] : [];

/** Runs a program until it ends or has printed `prints`, for 10 s at most. */
function run(name: string, prints: string | undefined): Promise<{ out: string; err: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...flags, join(folder, "out", `${name}.js`)], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    let printed = false;
    const timer = setTimeout(() => child.kill(), PATIENCE);
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (printed || prints === undefined || out.length < prints.length) return;
      printed = true;
      /* A program that does not end has printed the expected output. */
      setTimeout(() => child.kill(), 500);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ out, err, code: printed && signal === "SIGTERM" ? 0 : code });
    });
  });
}

describe("code in the documentation", () => {
  let complaints = "";

  beforeAll(() => {
    if (!existsSync(join(root, "dist"))) throw new Error("the package is not built: run make");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    /* The certificate that the programs of docs/tls.md read is made as that page says. */
    const [command = ""] = /(?<=^```sh\n)openssl req[\s\S]*?(?=^```)/m.exec(read("docs/tls.md")) ?? [];
    const openssl = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
    if (openssl.status !== 0) throw new Error(openssl.stderr);
    for (const { page, name, program, code } of all)
      writeFileSync(join(folder, `${name}.ts`), program ? code : preludeOf(page) + code);
    const { stdout, status } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" });
    complaints = status === 0 ? "" : stdout || "tsc could not be run";
  });

  test("there is some on each page for users", () => {
    for (const page of ["README.md", "docs/handles.md", "docs/connections.md", "docs/errors.md"]) {
      expect(blocks(page).filter((block) => block.program).length).toBeGreaterThan(0);
    }
  });

  test("has the right types", () => {
    expect(complaints).toBe("");
  });

  /* A server of ws-compat, and attach, need node:http's sockets, which Bun does not pass on (docs/ws-compat.md). */
  const needsNode = ({ code }: Block) =>
    /WebSocketServer } from "twinwire\/ws-compat"|WebSocketServer\.attach[<(]/.test(code);
  const runs = programs.filter((block) => !("bun" in process.versions && needsNode(block)));

  test.each(runs.map(({ name }) => name))("runs: %s", async (name) => {
    const block = programs.find((it) => it.name === name);
    const peers = await startPeers();
    try {
      const path = join(folder, "out", `${name}.js`);
      const text = readFileSync(path, "utf8");
      writeFileSync(
        path,
        text.replaceAll(/(?<![_\d])(8080|7000|7001|5000|8000|9000)(?![_\d])/g, (port) => String(peers.ports[port])),
      );
      const { out, err, code } = await run(name, block?.prints);
      expect(err).toBe("");
      const prints = shown(block?.prints ?? out);
      expect(shown(out).slice(0, prints.length)).toBe(prints);
      expect(code).toBe(0);
    } finally {
      await peers.close();
    }
  });
});

test("the tables are those of core-c/abi.def", () => {
  const { stderr, status } = spawnSync(process.execPath, ["scripts/docs.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(read("docs/errors.md")).toContain(Errors.ERR_RESET.todo);
  expect(read("README.md")).toMatch(/^\| `sendBuffer` \| .* \| 4 MiB \| 2 KiB \|/m);
});

/** The fields of an interface of the API, wherever it is declared. */
function fieldsOf(name: string): string[] {
  const declaration = new RegExp(`(?<=interface ${name}\\b[^{]*\\{\n)[^]*?\\n\\}`);
  const bodies = readdirSync(join(root, "api"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) => declaration.exec(read(join("api", path)))?.[0] ?? []);
  return bodies.flatMap((body) => [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, field = ""]) => field));
}

test("docs/handles.md describes every function of the handle API, and no other", () => {
  const is = (value: unknown): boolean => typeof value === "function";
  const names = (of: object, prefix: string): string[] =>
    Object.entries(of).flatMap(([name, value]) => (is(value) ? [`${prefix}${name}`] : []));
  const { net, ws, runtime, ...rest } = handles;
  const exported = [...names(net, "net."), ...names(ws, "ws."), ...names(runtime, "runtime."), ...names(rest, "")];
  const headings = read("docs/handles.md").match(/^### `.*$/gm) ?? [];
  const described = headings.flatMap((line) => [...line.matchAll(/`([\w.]+)\(/g)].map(([, name]) => name));
  expect(described.sort()).toEqual(exported.filter((name) => name !== "TwinwireError").sort());
});

test("docs/connections.md names everything that twinwire exports for connections, and every method", () => {
  const page = read("docs/connections.md");
  const members = [main.Conn, main.Server, main.UdpSocket].flatMap((it) => Object.getOwnPropertyNames(it.prototype));
  const names = [...members, "TcpConnection", "TlsConnection", "TcpServer", "TlsServer", "UdpSocket", "resolve"];
  expect(names.filter((name) => name !== "constructor" && !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
});

test("docs/websocket.md names every member of WebSocket, and every option", () => {
  const page = read("docs/websocket.md");
  const surface = Object.getPrototypeOf(main.WebSocket.prototype) as object;
  const names = fieldsOf("WebSocketOptions");
  expect(names).toContain("maxRedirects");
  const all = [...Object.getOwnPropertyNames(surface), ...Object.keys(main.WebSocket), ...names];
  const inherited = ["constructor", "addEventListener"];
  const missing = all.filter((name) => !inherited.includes(name) && !new RegExp(`\\b${name}\\b`).test(page));
  expect(missing).toEqual([]);
});

test("docs/websocket-server.md names every member of a server and its clients, and every option", () => {
  const page = read("docs/websocket-server.md");
  const members = [main.WebSocketServer, main.ServerSocket].flatMap((it) => Object.getOwnPropertyNames(it.prototype));
  const interfaces = [
    "WebSocketServerOptions",
    "BroadcastOptions",
    "WebSocketCloseOptions",
    "UpgradeOptions",
    "AcceptOptions",
    "AdmissionOptions",
    "BroadcastResult",
    "ServeOptions",
  ];
  const fields = interfaces.flatMap(fieldsOf);
  expect(fields).toEqual(
    expect.arrayContaining(["onMessage", "graceMs", "slow", "deflate", "skipped", "writeTimeoutMs"]),
  );
  const all = [...members, ...fields, "request", "data", "upgrade"].filter((name) => name !== "constructor");
  expect(all.filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
});

test("every error code that a page names exists", () => {
  const wrong = pages.flatMap((page) =>
    (read(page).match(/(?<!WS_)ERR_[A-Z_0-9]+/g) ?? [])
      .filter((code) => !(code in Errors))
      .map((code) => `${page}: ${code}`),
  );
  expect(wrong).toEqual([]);
});

/** As GitHub makes them of headings. */
function anchors(page: string): string[] {
  const headings = read(page).match(/^#+ .*$/gm) ?? [];
  return headings.map((line) =>
    line
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("docs/README.md names every page, so any fact is two steps away", () => {
  const index = read("docs/README.md");
  const named = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  expect(named.filter((page) => !index.includes(`](${page.slice("docs/".length)})`))).toEqual([]);
});

test("every link within the project leads somewhere", () => {
  const broken = pages.flatMap((page) => {
    const prose = read(page).replaceAll(/^```[\s\S]*?^```/gm, "");
    return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, to = ""]) => to)
      .filter((to) => !/^https?:/.test(to))
      .filter((to) => {
        const [file = "", anchor] = to.split("#");
        const target = file === "" ? page : join(dirname(page), file);
        if (!existsSync(join(root, target))) return true;
        return anchor !== undefined && !anchors(target).includes(anchor);
      })
      .map((to) => `${page}: ${to}`);
  });
  expect(broken).toEqual([]);
});
