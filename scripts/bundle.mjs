// Makes dist/ from the sources and from the declarations that tsc wrote to build/lib/: one module and one .d.ts for each
// entry that package.json exports, and chunks for what several entries share, so that the engine exists once.
//
//   node scripts/bundle.mjs

import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode } from "@jridgewell/sourcemap-codec";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { root } from "../wasm/build/project.mjs";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dist = join(root, "dist");

/** The source of a file of dist/ that exports or imports of package.json name. */
function sourceOf(name) {
  const [folder, file] = name.split("/");
  if (folder === "host") return `adapters/${file}/index`;
  if (folder === "core") return file === "inline" ? "wasm/module" : `adapters/${file}/core`;
  return folder === "cli" ? "cli/main" : `api/${name}`;
}

const targets = (of) => Object.values(of ?? {}).flatMap((it) => (typeof it === "string" ? [it] : targets(it)));

/** dist/NAME.js by NAME, for each module that package.json names. */
const modules = [...new Set(targets([manifest.exports, manifest.imports, manifest.bin]))]
  .map((path) => /^\.?\/?dist\/(.+)\.js$/.exec(path)?.[1])
  .filter((name) => name !== undefined);
const inputs = (names, path) => Object.fromEntries(names.map((name) => [name, join(root, path(sourceOf(name)))]));

const external = [/^#/, /^node:/, /^cloudflare:/, /\.wasm$/];
/* What entries share lies in few files: each file more is a system call more at the start of a program. */
const groups = [
  /* An adapter must not need a chunk that imports #host: the adapter itself. */
  {
    name: "base",
    test: /[\\/](adapters[\\/]port|wasm[\\/](abi\.gen|errors|text)|api[\\/]internal[\\/](arguments|options))\.ts$/,
    priority: 3,
  },
  { name: "host", test: /[\\/]adapters[\\/]shared[\\/]/, priority: 2 },
  { name: "node-api", test: /[\\/]adapters[\\/]node-api[\\/]/, priority: 2 },
  /* What calls have in common with the thread that they are passed to: neither loads the other. */
  { name: "sync", test: /[\\/]api[\\/]sync[\\/]/, minShareCount: 2, priority: 2 },
  { name: "engine", test: /[\\/](api|wasm)[\\/]/, minShareCount: 2, priority: 1 },
];
/** A page loads it alone, so it shares no chunk with the others. */
const standalone = "hub-client";
const output = { dir: dist, format: "es", codeSplitting: { groups } };

/** Keeps one position for each line, which is what a stack trace shows, and no copy of the sources. */
function slimMap(chunk) {
  const map = JSON.parse(chunk.source);
  const lines = decode(map.mappings).map((line) => line.slice(0, 1).map((it) => it.slice(0, 4)));
  const { version, file, sources } = map;
  return JSON.stringify({ version, file, names: [], sources, mappings: encode(lines) });
}

async function bundleCode(names) {
  const bundle = await rolldown({
    input: inputs(names, (source) => `${source}.ts`),
    external,
    makeAbsoluteExternalsRelative: false,
    platform: "neutral",
    cwd: root,
    tsconfig: false,
    transform: { target: "node20.19" },
    onLog,
  });
  const files = await bundle.write({
    ...output,
    chunkFileNames: "chunks/[name].js",
    sourcemap: true,
    comments: false,
    minifyInternalExports: false,
  });
  for (const it of files.output) {
    if (it.fileName.endsWith(".map")) writeFileSync(join(dist, it.fileName), slimMap(it));
  }
}

async function bundleTypes() {
  const typed = modules.filter((name) => !/^(core|cli)\b/.test(name));
  const bundle = await rolldown({
    input: inputs(typed, (source) => `build/lib/${source}.d.ts`),
    external,
    makeAbsoluteExternalsRelative: false,
    plugins: [dts({ dtsInput: true, tsconfig: false })],
    onLog,
  });
  const shared = [{ name: "types", test: /\.d\.ts$/, minShareCount: 2 }];
  await bundle.write({
    dir: dist,
    format: "es",
    chunkFileNames: "chunks/[name].d.ts",
    codeSplitting: { groups: shared },
  });
}

/** A warning ends the build. */
function onLog(level, log) {
  if (level === "warn") throw new Error(log.message);
}

rmSync(dist, { recursive: true, force: true });
await bundleCode(modules.filter((name) => name !== standalone));
await bundleCode([standalone]);
await bundleTypes();
copyFileSync(join(root, "build/core.wasm"), join(dist, "core.wasm"));
/* What is CommonJS: a line of code each. */
cpSync(join(root, "scripts/dist"), dist, { recursive: true });
