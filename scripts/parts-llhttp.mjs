// HTTP messages, read by this parser and by llhttp, the one of Node: a part of "make test" that parts.mjs takes in.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { includes, listFiles, root } from "../wasm/build/project.mjs";
import { strict } from "./c-flags.mjs";
import { findProgram, suffixed } from "./programs.mjs";
import { run } from "./run.mjs";

/** llhttp as C sources, where Debian's node-llhttp puts them. */
const llhttp = { include: "/usr/share/include/llhttp", sources: ["api.c", "http.c", "llhttp.c"] };
const source = (name) => join("/usr/share/llhttp", name);
const installed = llhttp.sources.every((name) => existsSync(source(name)));

const compiler = findProgram(["gcc"]) ?? findProgram(suffixed("clang"));
const directory = join(root, "build/c/llhttp");

const ours = () => [
  ...listFiles("test/http1-differential", ".c"),
  ...["buffer", "files", "json"].map((name) => `test/c/${name}.c`),
  ...["chunk", "field", "head", "message", "target", "words"].map((name) => `core-c/proto/http1/${name}.c`),
  ...["bytes", "runs"].map((name) => `core-c/src/${name}.c`),
];

const sanitizers = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

async function differ() {
  mkdirSync(directory, { recursive: true });
  const objects = llhttp.sources.map((name) => join(directory, name.replace(/c$/, "o")));
  for (const [at, name] of llhttp.sources.entries()) {
    const args = ["-O1", "-w", `-I${llhttp.include}`, "-c", source(name), "-o", objects[at]];
    if ((await run(compiler.path, args)).status !== 0) return { passed: 0, failed: 1 };
  }
  const program = join(directory, "differ");
  const flags = [...includes, "test/c"].map((it) => `-I${it}`);
  const args = [...sanitizers, ...strict, ...flags, "-isystem", llhttp.include, ...ours(), ...objects, "-o", program];
  if ((await run(compiler.path, args)).status !== 0) return { passed: 0, failed: 1 };
  const { status, counts } = await run(program, ["test/vectors", "test/http1-differential/judgements"]);
  if (!counts) return { passed: 0, failed: 1 };
  return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

export const llhttpPart = {
  name: "HTTP against llhttp",
  group: "c",
  missing: compiler && installed ? undefined : "gcc node-llhttp",
  run: differ,
};
