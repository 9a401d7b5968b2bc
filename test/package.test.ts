/** The package as it is published: packed, installed in a project that knows nothing of this one, and used there. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const home = mkdtempSync(join(tmpdir(), "twinwire-package-"));
let packed: string[] = [];

type Targets = string | Readonly<Record<string, string>>;

interface Manifest {
  readonly exports: Readonly<Record<string, Targets>>;
  readonly imports: Readonly<Record<string, Targets>>;
  readonly dependencies?: object;
  readonly scripts: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

function succeed(program: string, args: readonly string[], cwd = home): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8", timeout: 60_000 });
  if (status !== 0) throw error ?? new Error(`${program} ${args.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}

beforeAll(() => {
  const report = succeed("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", home], root);
  const [result] = JSON.parse(report) as { filename: string; files: { path: string }[] }[];
  if (result === undefined) throw new Error("npm packed nothing");
  packed = result.files.map((it) => it.path);
  writeFileSync(join(home, "package.json"), '{ "name": "application", "private": true }');
  /* Offline: all that it needs has to be in the file. */
  succeed("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${result.filename}`]);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("what is in it", () => {
  test("every file that its exports and imports name", () => {
    const targets = [...Object.values(manifest.exports), ...Object.values(manifest.imports)]
      .flatMap((it) => (typeof it === "string" ? [it] : Object.values(it)))
      .map((it) => it.replace("./", ""));
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.filter((it) => !packed.includes(it))).toEqual([]);
    const types = targets.filter((it) => it.endsWith(".js")).map((it) => it.replace(/\.js$/, ".d.ts"));
    expect(types.filter((it) => !packed.includes(it))).toEqual([]);
  });

  test("its licence and its readme, and nothing that only its makers need", () => {
    expect(packed).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
    const rest = packed.filter((it) => !it.startsWith("dist/"));
    expect(rest.filter((it) => !/^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/.test(it))).toEqual([]);
    expect(packed.filter((it) => /test|bench|\.tsbuildinfo$|(?<!\.d)\.ts$/.test(it))).toEqual([]);
  });

  test("no dependency, and no script that an installation runs", () => {
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.scripts).filter((it) => /^(pre|post)?install$|^prepare$/.test(it))).toEqual([]);
    expect(readdirSync(join(home, "node_modules")).filter((it) => !it.startsWith("."))).toEqual(["twinwire"]);
  });

  test("import and require offer the same APIs", () => {
    for (const [path, targets] of Object.entries(manifest.exports)) {
      if (typeof targets === "string") continue;
      expect([path, Object.keys(targets)]).toEqual([path, ["bun", "deno", "module-sync", "require", "default"]]);
      const { require, ...others } = targets;
      const [module, ...more] = new Set(Object.values(others));
      expect(more).toEqual([]);
      expect(require).toBe(module?.replace("./dist/", "./dist/cjs/"));
    }
  });
});

/** Every API and host, by one runtime's `import` or `require`, which `all` stands for; then an echo. */
const program = `
  const [main, handles, result, dial, duplex, hub, node] = all;
  const kinds = [main.TcpConnection, handles.net.tcpConnect, result.TcpStream, dial.dial, duplex.toDuplex, hub.Hub];
  console.log(kinds.map((it) => typeof it).join(" "), typeof node.createPort, main.limits === handles.limits);
  const server = new main.TcpServer("127.0.0.1", 0);
  await server.opened;
  const conn = new main.TcpConnection("127.0.0.1", Number(server.addr().split(":")[1]));
  const peer = await server.accept();
  await peer.writeAll(await (await conn.writeAll("hello"), peer.readExact(5)));
  console.log(String.fromCharCode(...(await conn.readExact(5))));
  try {
    main.useHost(node);
  } catch (error) {
    console.log(error.code);
  }
  for (const it of [conn, peer, server]) it.close();`;

const apis = ["twinwire", "twinwire/handles", "twinwire/result", "twinwire/dial", "twinwire/duplex", "twinwire/hub"];
const names = JSON.stringify([...apis, "twinwire/host/node"]);
const PRINTED = ["function function function function function function function true", "hello", "ERR_STARTED"];

const byImport = `const all = await Promise.all(${names}.map((name) => import(name)));${program}`;
const byRequire = `(async () => { const all = ${names}.map((name) => require(name));${program} })();`;

/** Which adapter was picked, whether require gives the same modules as import, and where the module of the core is. */
const inside = `
  import { createRequire } from "node:module";
  import { readFileSync } from "node:fs";
  import { TwinwireError } from "twinwire";
  const require = createRequire(import.meta.url);
  const { defaultPort } = await import(new URL("./node_modules/twinwire/dist/wasm/host.js", import.meta.url));
  const core = new WebAssembly.Module(readFileSync(require.resolve("twinwire/core.wasm")));
  console.log(defaultPort().name, require("twinwire").TwinwireError === TwinwireError, core instanceof WebAssembly.Module);`;

/** By hand, in a runtime that would pick another one. */
const byHand = `
  import { UdpSocket, useHost } from "twinwire";
  import * as node from "twinwire/host/node";
  useHost({ createPort: () => Object.assign(node.createPort(), { isUp: () => console.log("asked") || true }) });
  const socket = new UdpSocket();
  await socket.opened;
  console.log(socket.localAddr().startsWith("0.0.0.0:"));
  socket.close();`;

interface Runtime {
  readonly name: string;
  readonly host: string;
  readonly command: readonly string[];
  /** Whether require gives what import gives. */
  readonly one: boolean;
}

const from = (path: string): string => join(root, "scripts/runtimes/node_modules", path);
const runtimes: readonly Runtime[] = [
  { name: "this Node", host: "node", command: [process.execPath], one: true },
  { name: "Node 20.0.0", host: "node", command: [from("node-20-first/bin/node")], one: false },
  ...[20, 22, 24, 26].map((major) => ({
    name: `Node ${major}`,
    host: "node",
    command: [from(`node-${major}/bin/node`)],
    one: true,
  })),
  { name: "Bun", host: "bun", command: [join(root, "node_modules/.bin/bun")], one: true },
  { name: "Deno", host: "deno", command: [from("deno/deno"), "run", "--allow-net", "--allow-read"], one: true },
];

describe.each(runtimes)("in $name", ({ host, command: [program = "", ...before], one }) => {
  /* scripts/runtimes is for x64 Linux; make installs it there. */
  const { CI } = process.env;
  const isThere = existsSync(program) || CI === "true";
  const withRuntime = isThere ? test : test.skip;

  function run(file: string, source: string): string[] {
    writeFileSync(join(home, file), source);
    return succeed(program, [...before, file])
      .trimEnd()
      .split("\n");
  }

  withRuntime("by import", () => expect(run("by-import.mjs", byImport)).toEqual(PRINTED));
  withRuntime("by require", () => expect(run("by-require.cjs", byRequire)).toEqual(PRINTED));
  withRuntime("with the adapter of the runtime, and one engine", () =>
    expect(run("inside.mjs", inside)).toEqual([`${host} ${one} true`]),
  );
  withRuntime("with a host that was selected explicitly", () => expect(run("by-hand.mjs", byHand)).toEqual(["true"]));
});

describe("types", () => {
  const use = `
    const handle: number = handles.net.tcpConnect("127.0.0.1", 80);
    const isTyped: 0 extends 1 & typeof main.TcpConnection ? false : true = true; // an unresolved module would be "any"
    const error: main.TwinwireError = new handles.TwinwireError("ERR_RESET");
    const host: main.Host = node;
    export { handle, isTyped, error, host, result, dial, duplex, hub };`;
  const imports = [...apis, "twinwire/host/node", "twinwire/host/bun", "twinwire/host/deno"]
    .map((name) => `import * as ${name.split("/").at(-1)?.replace("twinwire", "main")} from "${name}";`)
    .join("\n");
  const source = `${imports}\n${use}\nexport { bun, deno };`;

  test.each([
    ["nodenext", "nodenext", "module.mts"],
    ["nodenext", "nodenext", "common.cts"],
    ["node16", "node16", "module16.mts"],
    ["bundler", "esnext", "bundled.ts"],
    ["bundler", "preserve", "preserved.ts"],
  ])("by %s with modules as %s: %s", (resolution, format, file) => {
    mkdirSync(join(home, "src"), { recursive: true });
    writeFileSync(join(home, "src", file), source);
    const options =
      "--noEmit --strict --skipLibCheck false --target ES2022 --lib ES2022,DOM,ESNext.Disposable --types node";
    const args = [...options.split(" "), "--module", format, "--moduleResolution", resolution];
    const types = ["--typeRoots", join(root, "node_modules/@types")];
    succeed(join(root, "node_modules/.bin/tsc"), [...args, ...types, `src/${file}`]);
  });
});
