/** The package in the hands of its users' tools: TypeScript from 5.4 on, checkers of packages, and bundlers. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { installPacked, type Packed, root, succeed } from "./support/packed.ts";

const consumers = join(root, "scripts/consumers/node_modules");
const { CI } = process.env;
/* Without them, on a developer's machine, the tests are skipped and counted as such; make test installs them. */
const withConsumers = existsSync(consumers) || CI === "true" ? test : test.skip;

let packed: Packed;

beforeAll(() => {
  packed = installPacked();
  mkdirSync(join(packed.home, "src"));
});

afterAll(() => packed.remove());

function write(path: string, text: string): string {
  writeFileSync(join(packed.home, path), text);
  return path;
}

describe("types", () => {
  const apis = ["", "/handles", "/result", "/dial", "/duplex", "/hub", "/sync"].map((path) => `twinwire${path}`);
  const use = `
    const handle: number = handles.net.tcpConnect("127.0.0.1", 80);
    const isTyped: 0 extends 1 & typeof main.TcpConnection ? false : true = true; // an unresolved module would be "any"
    const error: main.TwinwireError = new handles.TwinwireError("ERR_RESET");
    const host: main.Host = node;
    const socket: compat.WebSocket = new compat.WebSocket("ws://localhost");
    socket.on("message", (data, isBinary) => [data, isBinary === true]);
    const waiting: (conn: sync.Conn) => Uint8Array = (conn) => conn.read(1);
    export { handle, isTyped, error, host, socket, result, dial, duplex, hub, waiting };`;
  const imports = [...apis, "twinwire/host/node", "twinwire/host/bun", "twinwire/host/deno"]
    .map((name) => `import * as ${name.split("/").at(-1)?.replace("twinwire", "main")} from "${name}";`)
    .join("\n");
  const ofNode = 'import * as compat from "twinwire/ws-compat";';
  const module = `${ofNode}\n${imports}\n${use}\nexport { bun, deno };`;
  /** As CommonJS has it, with one import of each kind. */
  const common = `
    import WebSocket = require("twinwire/ws-compat");
    class Own extends WebSocket {}
    const own: WebSocket = new Own("ws://localhost");
    const server: WebSocket.Server = new WebSocket.Server({ noServer: true });
    const options: WebSocket.ClientOptions = { handshakeTimeout: 5000 };
    const isTyped: 0 extends 1 & typeof WebSocket ? false : true = true;
    own.on("message", (data: WebSocket.MessageData) => data);
    export = { own, server, options, isTyped };`;

  const compilers = ["typescript-5.4", "typescript-5.9", "typescript"] as const;
  type Compiler = (typeof compilers)[number];

  /** With the types of a browser, in which a Blob and crypto.subtle take bytes of an ArrayBuffer alone. */
  const received = `
    import * as main from "twinwire";
    import * as dial from "twinwire/dial";
    import { net, ws } from "twinwire/handles";
    import { TcpStream, UdpSocket } from "twinwire/result";
    import * as sync from "twinwire/sync";
    function take(bytes: main.ReceivedBytes): unknown {
      return [new Blob([bytes]), crypto.subtle.digest("SHA-256", bytes)];
    }
    const takeMessage = (it: string | main.ReceivedBytes): unknown => (typeof it === "string" ? it : take(it));
    export async function connections(conn: main.TcpConnection, socket: main.UdpSocket, client: main.WebSocket) {
      take(await conn.read());
      take(await conn.readExact(1));
      take(await conn.readUntil("x"));
      for await (const part of conn) take(part);
      take((await conn.readable.getReader().read()).value ?? (await conn.read()));
      take((await socket.recvFrom()).data);
      for await (const message of client) takeMessage(message);
      const { body } = await main.http.stream({ url: "http://localhost/" });
      take(await body.bytes());
      for await (const part of body) take(part);
      return new main.WebSocketServer("", 0, { onMessage: (_socket, message) => void takeMessage(message) });
    }
    net.on(1, "data", ({ data }) => take(data), { binary: true });
    net.on(1, "datagram", (_datagram, { bytes }) => take(bytes));
    ws.on(1, "message", ({ message }) => takeMessage(message));
    export async function others(stream: TcpStream, socket: UdpSocket, conn: dial.Connection) {
      const read = await stream.read(1);
      if (read.ok) take(read.value);
      const datagram = await socket.recvFrom(1);
      if (datagram.ok) take(datagram.value[0]);
      take(await dial.read(conn, 1));
    }
    export function waits(conn: sync.TcpConnection, socket: sync.UdpSocket): unknown {
      return [take(conn.read(1)), take(socket.recvFrom().data)];
    }`;

  function compile(compiler: Compiler, resolution: string, format: string, ...files: string[]): void {
    compileFor(["ES2022"], compiler, resolution, format, ...files);
  }

  function compileFor(
    lib: readonly string[],
    compiler: Compiler,
    resolution: string,
    format: string,
    ...files: string[]
  ): void {
    const folder = compiler === "typescript" ? join(root, "node_modules") : consumers;
    const options = `--noEmit --strict --skipLibCheck false --target ES2022 --lib ${lib} --types node`.split(" ");
    const types = ["--typeRoots", join(root, "node_modules/@types")];
    const args = [...options, "--module", format, "--moduleResolution", resolution, ...types, ...files];
    succeed(process.execPath, [join(folder, compiler, "bin/tsc"), ...args], packed.home);
  }

  withConsumers.each(compilers)("%s, as a module and as CommonJS, without the types of a browser", (compiler) => {
    const files = [write("src/module.mts", module), write("src/common.cts", common)];
    /* Before 5.8 a CommonJS file could not import a module; since then nodenext lets it. */
    if (compiler !== "typescript-5.4") files.push(write("src/both.cts", module));
    compile(compiler, "nodenext", "nodenext", ...files);
  });

  test("as a module of Node 16, and for a bundler", () => {
    compile("typescript", "node16", "node16", write("src/module.mts", module), write("src/common.cts", common));
    compile("typescript", "bundler", "esnext", write("src/module.ts", module));
  });

  withConsumers("an old resolver finds main and types", () => {
    const source = 'import { TcpServer } from "twinwire"; export const server: TcpServer = new TcpServer("", 0);';
    compile("typescript-5.4", "node10", "commonjs", write("src/old.ts", source));
  });

  withConsumers.each(["typescript-5.4", "typescript"] as const)(
    "%s: received bytes fit into a Blob and into crypto.subtle",
    (compiler) => {
      compileFor(["ES2022", "DOM"], compiler, "nodenext", "nodenext", write("src/received.mts", received));
    },
  );

  test("bytes that may be shared with other threads do not", () => {
    const shared = "export const wrong = new Blob([new Uint8Array(new SharedArrayBuffer(1))]);";
    const file = write("src/shared.mts", shared);
    expect(() => compileFor(["ES2022", "DOM"], "typescript", "nodenext", "nodenext", file)).toThrow("TS2322");
  });

  test("a mistake is a complaint", () => {
    const source = 'import { TcpServer } from "twinwire"; export const server: number = new TcpServer("", 0);';
    const file = write("src/mistake.mts", source);
    expect(() => compile("typescript", "nodenext", "nodenext", file)).toThrow("TS2322");
  });
});

describe("checkers", () => {
  test("publint finds nothing", () => {
    const publint = join(root, "node_modules/publint/src/cli.js");
    expect(succeed(process.execPath, [publint, packed.archive, "--strict"], packed.home)).toMatch(/All good!/);
  });

  withConsumers("attw finds nothing", () => {
    const attw = join(consumers, "@arethetypeswrong/cli/dist/index.js");
    /* A require of a module works on every version of Node that package.json names. */
    const rules = ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"];
    const args = [attw, packed.archive, ...rules, "--exclude-entrypoints", "core.wasm", "--format", "json"];
    /* It ends with an error for what it finds. */
    const { analysis } = JSON.parse(succeed(process.execPath, args, packed.home)) as {
      analysis: { entrypoints: object };
    };
    expect(Object.keys(analysis.entrypoints)).toEqual(expect.arrayContaining([".", "./handles", "./ws-compat"]));
  });
});

describe("bundlers", () => {
  const program = `
    import { createRequire } from "node:module";
    import { TcpConnection, TcpServer } from "twinwire";
    import WebSocket from "twinwire/ws-compat";
    const server = new TcpServer("127.0.0.1", 0);
    await server.opened;
    const conn = new TcpConnection("127.0.0.1", Number(server.addr().split(":")[1]));
    const peer = await server.accept();
    await conn.writeAll("hello");
    console.log(String.fromCharCode(...(await peer.readExact(5))), typeof WebSocket.Server, typeof createRequire);
    for (const it of [conn, peer, server]) it.close();`;
  const PRINTED = "hello function function\n";

  /** Runs what a bundler made, where no package is installed. */
  function run(text: string): string {
    const file = join(packed.home, "src", "out.mjs");
    writeFileSync(file, text);
    return succeed(process.execPath, [file], root);
  }

  /** Runs a build script of a user of a bundler. */
  function build(name: string, script: string): string {
    write("src/program.mjs", program);
    const out = join(packed.home, "src", `${name}.out`);
    const entry = join(packed.home, "src/program.mjs");
    const source = `const [entry, out] = ${JSON.stringify([entry, out])};\n${script}`;
    /* There, it imports the bundler as a user's script does. */
    succeed(process.execPath, ["--input-type=module", "--eval", source], join(root, "scripts/consumers"));
    return out;
  }

  withConsumers("esbuild", () => {
    const out = build(
      "esbuild",
      `import { build } from "esbuild";
      await build({ entryPoints: [entry], outfile: out, bundle: true, platform: "node", format: "esm", logLevel: "error" });`,
    );
    expect(run(readFileSync(out, "utf8"))).toBe(PRINTED);
  });

  withConsumers("esbuild, with the thread of calls that wait as a second entry", () => {
    const source = `
      import { TcpServer } from "twinwire/sync";
      const server = new TcpServer("127.0.0.1", 0);
      console.log(server.addr().startsWith("127.0.0.1:"));`;
    const out = join(packed.home, "src/waiting");
    const waiting = join(packed.home, write("src/waiting.js", source));
    build(
      "waiting",
      `import { build } from "esbuild";
      const entryPoints = { waiting: ${JSON.stringify(waiting)}, "sync-worker": "twinwire/sync-worker" };
      await build({
        entryPoints, outdir: ${JSON.stringify(out)}, bundle: true, platform: "node", format: "esm", logLevel: "error",
        absWorkingDir: ${JSON.stringify(packed.home)},
      });`,
    );
    writeFileSync(join(out, "package.json"), '{ "type": "module" }');
    expect(succeed(process.execPath, [join(out, "waiting.js")], root)).toBe("true\n");
    rmSync(join(out, "sync-worker.js"));
    const { stderr } = spawnSync(process.execPath, [join(out, "waiting.js")], { encoding: "utf8" });
    expect(stderr).toMatch(/ERR_UNSUPPORTED: twinwire\/sync: .* is not at file:.*sync-worker\.js; bundle twinwire/);
  });

  withConsumers("esbuild, as CommonJS", () => {
    write("src/common.cjs", 'const W = require("twinwire/ws-compat"); console.log(typeof W, typeof W.Server);');
    const out = build(
      "esbuild-cjs",
      `import { build } from "esbuild";
      const common = entry.replace("program.mjs", "common.cjs");
      await build({ entryPoints: [common], outfile: out + ".cjs", bundle: true, platform: "node", logLevel: "error" });`,
    );
    expect(succeed(process.execPath, [`${out}.cjs`], root)).toBe("function function\n");
  });

  withConsumers("rollup", () => {
    const out = build(
      "rollup",
      `import { nodeResolve } from "@rollup/plugin-node-resolve";
      import { rollup } from "rollup";
      const onwarn = (it) => { throw new Error(it.message); };
      const bundle = await rollup({ input: entry, plugins: [nodeResolve()], external: /^node:/, onwarn });
      await bundle.write({ file: out, inlineDynamicImports: true });`,
    );
    expect(run(readFileSync(out, "utf8"))).toBe(PRINTED);
  });

  withConsumers("webpack", () => {
    const out = build(
      "webpack",
      `import { dirname, basename } from "node:path";
      import { promisify } from "node:util";
      import webpack from "webpack";
      const output = { path: dirname(out), filename: basename(out), module: true, library: { type: "module" } };
      const experiments = { outputModule: true };
      const options = { mode: "production", target: "node20", entry, output, experiments, optimization: { minimize: false } };
      const stats = await promisify(webpack)(options);
      if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());`,
    );
    expect(run(readFileSync(out, "utf8"))).toBe(PRINTED);
  });

  withConsumers("vite, for a server", () => {
    const out = build(
      "vite",
      `import { build } from "vite";
      const rolldownOptions = { input: entry, output: { entryFileNames: "program.js" } };
      await build({
        configFile: false, logLevel: "error", root: entry + "/..",
        build: { ssr: true, outDir: out, rolldownOptions }, ssr: { noExternal: true },
      });`,
    );
    expect(run(readFileSync(join(out, "program.js"), "utf8"))).toBe(PRINTED);
  });

  withConsumers("for a browser the program says what is wrong", () => {
    const out = build(
      "browser",
      `import { build } from "esbuild";
      const browser = entry.replace("program", "browser");
      import { writeFileSync } from "node:fs";
      writeFileSync(browser, 'import { WebSocket } from "twinwire"; new WebSocket("ws://localhost");');
      await build({ entryPoints: [browser], outfile: out, bundle: true, platform: "browser", format: "esm", logLevel: "error" });`,
    );
    const { stderr } = spawnSync(process.execPath, ["--input-type=module"], {
      input: readFileSync(out, "utf8"),
      encoding: "utf8",
    });
    expect(stderr).toMatch(/twinwire does not run in browsers, .*: use the browser's own WebSocket there/);
  });
});
