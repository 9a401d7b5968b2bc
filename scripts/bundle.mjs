// Makes dist/ from the sources and from the declarations that tsc wrote to build/lib/: one module and one .d.ts for each
// entry that package.json exports, and chunks for what several entries share, so that the engine exists once.
//
//   node scripts/bundle.mjs

import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { root } from "../wasm/build/project.mjs";
import { inLines } from "./bundle-lines.mjs";

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
    test: /^\0rolldown|[\\/](adapters[\\/]port|wasm[\\/](abi\.gen|errors|text)|api[\\/]internal[\\/](arguments|options|result))\.ts$/,
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

/** What a stack trace shows stays: the names of functions and classes, and a line for each statement (bundle-lines.mjs). */
const minify = {
  compress: { target: "node20.19", keepNames: { function: true, class: true } },
  mangle: { toplevel: true, keepNames: true },
  codegen: { removeWhitespace: true },
};

/** A map says nothing of a module that only passes on what others export. */
const isWorthAMap = (code) => code.split("\n").length > 20;

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
    minify,
  });
  const mapped = /\/\/# sourceMappingURL=.*\n?/;
  for (const it of files.output) {
    const name = `${it.fileName}.map`;
    const map = files.output.find(({ fileName }) => fileName === name);
    if (map === undefined) continue;
    const lines = inLines(it.code.replace(mapped, ""), JSON.parse(map.source));
    const hasMap = isWorthAMap(lines.code);
    writeFileSync(
      join(dist, it.fileName),
      hasMap ? `${lines.code}//# sourceMappingURL=${basename(name)}\n` : lines.code,
    );
    if (hasMap) writeFileSync(join(dist, name), lines.map);
    else rmSync(join(dist, name));
  }
}

async function bundleTypes() {
  /* All hosts have the types of the one for Node. */
  const typed = modules.filter((name) => !/^(core|cli|host\/(?!node))\b/.test(name));
  const bundle = await rolldown({
    input: inputs(typed, (source) => `build/lib/${source}.d.ts`),
    external,
    makeAbsoluteExternalsRelative: false,
    plugins: [dts({ dtsInput: true, tsconfig: false })],
    onLog,
  });
  const shared = [{ name: "types", test: /^\0rolldown|\.d\.ts$/, minShareCount: 2 }];
  await bundle.write({
    dir: dist,
    format: "es",
    chunkFileNames: "chunks/[name].d.ts",
    codeSplitting: { groups: shared },
  });
}

/** The vectors that `twinwire conformance` runs without a folder: a sample, since all of them would be a fifth of the package. */
const shippedVectors = /^(http-chunked|tcp-window|utf8|ws-control|ws-frames)\.json$/;

function bundleVectors() {
  const folder = join(root, "test/vectors");
  const names = readdirSync(folder).filter((name) => shippedVectors.test(name));
  const files = names.sort().map((name) => ({ ...JSON.parse(readFileSync(join(folder, name), "utf8")), name }));
  writeFileSync(join(dist, "vectors.json.br"), brotliCompressSync(JSON.stringify(files)));
}

/** A warning ends the build. */
function onLog(level, log) {
  if (level === "warn") throw new Error(log.message);
}

rmSync(dist, { recursive: true, force: true });
await bundleCode(modules.filter((name) => name !== standalone));
await bundleCode([standalone]);
await bundleTypes();
bundleVectors();
copyFileSync(join(root, "build/core.wasm"), join(dist, "core.wasm"));
/* What is CommonJS: a line of code each. */
cpSync(join(root, "scripts/dist"), dist, { recursive: true });
