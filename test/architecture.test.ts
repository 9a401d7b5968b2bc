import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";

const root = normalize(join(dirname(fileURLToPath(import.meta.url)), ".."));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** Files below a folder, relative to the root. A folder that does not exist yet has none. */
function files(folder: string, ...extensions: string[]): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => extensions.some((extension) => path.endsWith(extension)))
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .sort();
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

interface Import {
  from: string;
  /** A path relative to the root, or the specifier of a package. */
  to: string;
  typeOnly: boolean;
}

function imports(path: string): Import[] {
  const source = withoutComments(read(path));
  const statement =
    /^\s*(?:import|export)\b([^;"']*?)\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;
  return [...source.matchAll(statement)].map(([, clause = "", from, bare, dynamic]) => {
    const specifier = from ?? bare ?? dynamic ?? "";
    const local = specifier.startsWith(".");
    return {
      from: path,
      to: local ? normalize(join(dirname(path), specifier)) : specifier,
      typeOnly: /^\s*type\b/.test(clause),
    };
  });
}

const importsOf = (folder: string) => files(folder, ".ts").flatMap(imports);
const lines = (found: Import[]) => found.map((it) => `${it.from} imports ${it.to}`);
const inside = (path: string, folder: string) => path.startsWith(`${folder}/`);

describe("TypeScript", () => {
  const adapters = existsSync(join(root, "adapters"))
    ? readdirSync(join(root, "adapters"), { withFileTypes: true })
        .filter((it) => it.isDirectory() && it.name !== "port") // the parts of port.ts
        .map((it) => it.name)
        .filter((name) => files(`adapters/${name}`, ".ts").length > 0) // others are hosts in C
    : [];
  /** What JavaScript hosts share, and what those share that have node:net. No adapters: nothing there makes a port. */
  const shared = ["shared", "node-api"];

  test("the scanner sees every form of import", () => {
    expect(lines(imports("wasm/host.ts"))).toContain("wasm/host.ts imports #host");
    expect(imports("wasm/host.ts")).toContainEqual({ from: "wasm/host.ts", to: "adapters/port.ts", typeOnly: true });
    expect(imports("adapters/node/index.ts").length).toBeGreaterThan(0);
  });

  test("the APIs import the engine and each other, nothing else; those that need Node's modules stand alone", () => {
    const found = importsOf("api");
    expect(found.length).toBeGreaterThan(0);
    const ofNode: Record<string, RegExp> = {
      "api/duplex.ts": /^node:stream$/,
      "api/sync": /^node:(fs|process|url|worker_threads)$/,
      "api/sim": /^(node:async_hooks|adapters\/sim\/index\.ts|adapters\/port\.ts)$/,
      "api/ws-compat": /^node:(buffer|crypto|events|http|https|net|process|stream|tls)$/,
    };
    const place = ({ from }: Import) =>
      ["api/ws-compat", "api/sim", "api/sync"].find((folder) => inside(from, folder)) ??
      from.replace(/^(api\/(sim|sync))(-worker)?\.ts$/, "$1");
    const allowed = (it: Import) =>
      inside(it.to, "api") || inside(it.to, "wasm") || ofNode[place(it)]?.test(it.to) === true;
    expect(lines(found.filter((it) => !allowed(it)))).toEqual([]);
    expect(lines(found.filter((it) => it.to === "api/duplex.ts"))).toEqual([]);
    const compat = (path: string) => /^api\/ws-compat(\.ts$|\/)/.test(path);
    expect(lines(found.filter((it) => compat(it.to) && !compat(it.from)))).toEqual([]);
  });

  /** What each part of api/ may import of api/, lowest first: what several APIs use, building blocks, and the APIs. */
  const layers: Record<string, readonly string[]> = {
    internal: [],
    conn: ["internal"],
    http: ["internal", "conn"],
    websocket: ["internal", "conn"],
    duplex: ["conn"],
    result: ["internal", "conn", "http"],
    dial: ["internal", "conn"],
    handles: ["internal", "conn", "http", "websocket", "ws-server"],
    "ws-server": ["internal", "conn", "http", "websocket"],
    "ws-compat": ["internal", "http", "websocket"],
    sim: ["internal", "index", "handles", "result", "dial"],
    sync: ["internal", "conn", "http"],
    "sync-worker": ["sync"],
    "hub-client": [],
    hub: ["internal", "hub-client", "ws-server"],
    recorder: ["internal"],
    index: ["internal", "conn", "http", "recorder", "websocket", "ws-server"],
  };

  test("no API imports another one: all stand on the same building blocks", () => {
    const part = (path: string) => /^api\/([\w-]+)/.exec(path)?.[1] ?? "";
    const found = importsOf("api").filter((it) => inside(it.to, "api") && part(it.from) !== part(it.to));
    expect([...new Set(files("api", ".ts").map(part))].sort()).toEqual(Object.keys(layers).sort());
    expect(lines(found.filter((it) => layers[part(it.from)]?.includes(part(it.to)) !== true))).toEqual([]);
  });

  test("api/ is made of concepts, not of fragments", () => {
    const all = files("api", ".ts");
    const long = all.filter((path) => read(path).split("\n").length > 421);
    /* The hub, the recorder, the simulation and the calls that wait stand beside the network APIs that this counts. */
    const network = all.filter((path) => !/^api\/(hub|hub-client|recorder|sim|sync)\b/.test(path));
    expect(network.length).toBeLessThanOrEqual(75);
    expect(long).toEqual([]);
  });

  test("no file imports itself by way of others, also not for its types", () => {
    const all = ["api", "wasm", "adapters"].flatMap((folder) => files(folder, ".ts"));
    const next = new Map(all.map((path) => [path, imports(path).map((it) => it.to)]));
    /* What is left when files that import none of the others are taken off, again and again. */
    let left = all;
    for (let size = -1; size !== left.length; ) {
      size = left.length;
      const set: Set<string> = new Set(left);
      left = left.filter((path) => next.get(path)?.some((to) => set.has(to)));
    }
    const set = new Set(left);
    left = left.filter((path) => left.some((other) => next.get(other)?.includes(path)) && set.has(path));
    expect(left).toEqual([]);
  });

  test("the engine imports no API, and of the adapters only the type of the port", () => {
    const allowed = (it: Import) =>
      inside(it.to, "wasm") ||
      (it.to === "adapters/port.ts" && it.typeOnly) ||
      (it.to === "#host" && it.from === "wasm/host.ts") ||
      (it.to === "#core" && it.from === "wasm/core.ts") ||
      /* #core of the runtimes that have it: the module is compressed. */
      (it.to === "node:zlib" && it.from === "wasm/module.ts");
    expect(lines(importsOf("wasm").filter((it) => !allowed(it)))).toEqual([]);
  });

  test.each(adapters)("the adapter %s imports the port, the shared numbers and what its runtime brings", (name) => {
    const builtin = /^(node|bun|jsr|deno|cloudflare):|^bun$|\.wasm$/;
    const allowed = (it: Import) =>
      inside(it.to, `adapters/${name}`) ||
      inside(it.to, "adapters/shared") ||
      (inside(it.to, "adapters/node-api") && ["node", "deno", "bun", "node-api"].includes(name)) ||
      it.to === "adapters/port.ts" ||
      it.to === "wasm/abi.gen.ts" ||
      builtin.test(it.to);
    expect(lines(importsOf(`adapters/${name}`).filter((it) => !allowed(it)))).toEqual([]);
  });

  test("what adapters share is no adapter", () => {
    const makers = adapters.filter((name) => existsSync(join(root, `adapters/${name}/index.ts`)));
    const inTypeScript = adapters.filter((name) => files(`adapters/${name}`, ".ts").length > 0);
    expect(makers).toEqual(inTypeScript.filter((name) => !shared.includes(name)));
    const found = shared.flatMap((name) => files(`adapters/${name}`, ".ts"));
    expect(found.filter((path) => /\bcreatePort\b/.test(read(path)))).toEqual([]);
  });

  test("the port and its parts import types alone, of the port and of the shared numbers", () => {
    const port = [...imports("adapters/port.ts"), ...importsOf("adapters/port")];
    const allowed = (it: Import) => it.to === "wasm/abi.gen.ts" || inside(it.to, "adapters/port");
    expect(lines(port.filter((it) => !allowed(it) || !it.typeOnly))).toEqual([]);
  });

  test("wasm/memory.ts alone touches linear memory", () => {
    const touch = /\bmemory\.(buffer|grow)\b|\bnew (DataView|\w+Array)\([^)]*\bmemory\b/;
    const view = /\bnew DataView\b/; // an adapter may parse bytes of its own with one
    const found = [...files("wasm", ".ts"), ...files("api", ".ts"), ...files("adapters", ".ts")].filter((path) => {
      const source = withoutComments(read(path));
      return touch.test(source) || (!inside(path, "adapters") && view.test(source));
    });
    expect(found).toEqual(["wasm/memory.ts"]);
  });
});

describe("C", () => {
  const core = files("core-c", ".c", ".h");
  const includes = (path: string) =>
    [...withoutComments(read(path)).matchAll(/^\s*#\s*include\s+([<"])([^>"]+)[>"]/gm)].map(([, kind, name = ""]) => ({
      from: path,
      name,
      system: kind === "<",
    }));
  const all = core.flatMap(includes);
  const folder = (path: string) => /^core-c\/proto\/(\w+)\//.exec(path)?.[1];
  const names = readdirSync(join(root, "core-c/proto"));
  /** The protocol whose header is included: one of its own folder, one that the path names, or the only one so called. */
  function protocol({ from, name }: (typeof all)[number]): string | undefined {
    if (core.includes(`${dirname(from)}/${name}`)) return folder(from);
    const named = name.split("/").find((part) => names.includes(part));
    return named ?? folder(core.find((path) => folder(path) !== undefined && path.endsWith(`/${name}`)) ?? "");
  }
  const show = (found: typeof all) => found.map((it) => `${it.from} includes ${it.name}`);

  test("the core includes no header of an operating system, and of libc only what every target has", () => {
    const allowed = ["stdbool.h", "stddef.h", "stdint.h", "string.h"];
    expect(all.length).toBeGreaterThan(0);
    expect(show(all.filter((it) => it.system && !allowed.includes(it.name)))).toEqual([]);
  });

  test("the core calls four functions of libc", () => {
    const others =
      /\b(str(n?cpy|n?cat|n?cmp|n?len|r?chr|str|tok|dup)|mem(chr|ccpy)|[mc]alloc|realloc|free|s?n?printf)\s*\(/;
    expect(core.filter((path) => others.test(withoutComments(read(path))))).toEqual([]);
  });

  test("core-c/src knows protocols only where it dispatches to them", () => {
    const dispatch = /^core-c\/src\/protocols\.c$/;
    const found = all.filter((it) => inside(it.from, "core-c/src") && protocol(it) !== undefined);
    expect(found.length).toBeGreaterThan(0);
    expect(show(found.filter((it) => !dispatch.test(it.from)))).toEqual([]);
  });

  test("a protocol includes no other, but those that it stands on", () => {
    const standsOn: Record<string, readonly string[]> = {
      ws: ["http1"],
      listen: ["stream"],
      tunnel: ["http1", "stream", "ws"],
      policy: ["stream", "ws"],
    };
    const found = all.filter((it) => {
      const own = folder(it.from);
      const other = protocol(it);
      if (own === undefined || other === undefined || other === own) return false;
      return standsOn[own]?.includes(other) !== true;
    });
    expect(show(found)).toEqual([]);
  });

  test("the handle API stands on the core interface alone, and nothing of the core on it", () => {
    const handles = files("c/src", ".c", ".h").flatMap(includes);
    const allowed = /^(twinwire\/(runtime|net|ws|http_server|host|core|abi\.gen)\.h|(handles|server)\.h)$/;
    expect(handles.length).toBeGreaterThan(0);
    expect(show(handles.filter((it) => !it.system && !allowed.test(it.name)))).toEqual([]);
    const others = all.filter((it) => /\bhandles\.h$/.test(it.name) && !inside(it.from, "c"));
    expect(show(others)).toEqual([]);
  });

  test("the calls that wait stand on the handle API and the core's HTTP parser, and on a host by engine.h alone", () => {
    const calls = files("c/wait", ".c", ".h").flatMap(includes);
    const allowed =
      /^(twinwire\/(conn|http|net|host|core|abi\.gen)\.h|proto\/http1\/\w+\.h|(handles|engine|wait|web)\.h)$/;
    expect(calls.length).toBeGreaterThan(0);
    expect(show(calls.filter((it) => !it.system && !allowed.test(it.name)))).toEqual([]);
  });

  test("a host in C knows the core interface, the handle API and itself", () => {
    const host = files("adapters/posix", ".c", ".h").flatMap(includes);
    const allowed = /^(twinwire\/\w+\.h|(posix|poller|timers|engine|memory)\.h|tls\/tls\.h)$/;
    expect(host.length).toBeGreaterThan(0);
    expect(show(host.filter((it) => !it.system && !allowed.test(it.name)))).toEqual([]);
  });

  test("core.c alone calls the host", () => {
    const callers = core.filter(
      (path) => path.endsWith(".c") && /\btwc_port_\w+\s*\(/.test(withoutComments(read(path))),
    );
    expect(callers).toEqual(["core-c/src/core.c"]);
  });
});

describe("what is written down", () => {
  test("the generated files are current", () => {
    const { status, stderr } = spawnSync(process.execPath, ["core-c/gen.mjs", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("CI installs every program that a test would do without", () => {
    const installed = /packages=\(([^)]*)\)/.exec(read(".ci/run"))?.[1]?.split(/\s+/) ?? [];
    const needed = files("test", ".ts").flatMap((path) =>
      [...read(path).matchAll(/\bfindTool\("([^"]+)"/g)].map(([, name = ""]) => name),
    );
    expect(needed.length).toBeGreaterThan(0);
    expect(needed.filter((name) => !installed.includes(name))).toEqual([]);
  });

  const pages = [...readdirSync(root).filter((it) => it.endsWith(".md")), ...files("docs", ".md")];

  test.each(pages)("%s names files that exist", (page) => {
    const source = read(page);
    const prose = source.replace(/^```[\s\S]*?^```/gm, "");
    const links = [...prose.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, path = ""]) => join(dirname(page), path));
    const spans = [...prose.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)]
      .map(([, path = ""]) => path)
      .filter(
        (path) =>
          path.includes("/") &&
          !/^(build|dist|node_modules)\//.test(path) &&
          existsSync(join(root, path.split("/")[0] ?? "")),
      );
    expect([...links, ...spans].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
