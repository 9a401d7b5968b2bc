// The toolchains that can build the module. Each is { name, shim, find(), build(job) }:
//   shim   whether wasm/shim stands in for string.h
//   find   returns { version, ... } for build and for the hash, or throws a ToolchainError that names what to install
//   build  returns the bytes of the module; job is { root, abi, sources, includes, files }

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, suffixed } from "../../scripts/programs.mjs";
import { compileFlags, linkFlags } from "./project.mjs";

export class ToolchainError extends Error {
  name = "ToolchainError";
}

const BARE = "--target=wasm32-unknown-unknown";
const IMPORTS_FILE = "imports.txt";

const importsText = (abi) => abi.imports.map((entry) => `${entry.name}\n`).join("");
const includeFlags = (includes) => includes.map((it) => `-I${it}`);
const linkThroughDriver = (flags) => flags.map((flag) => `-Wl,${flag}`);

/** Runs a program of the machine; what it prints goes to stderr, a failure of it is the build's. */
function run(program, args, cwd) {
  const { status, error } = spawnSync(program, args, { cwd, stdio: ["ignore", 2, "inherit"] });
  if (error) throw error;
  if (status !== 0) throw new ToolchainError(`${program} failed (see above)`);
}

/** Calls `work` with a temporary directory that holds the list of imports; `work` leaves core.wasm there. */
function inTemporaryDirectory(abi, work) {
  const directory = mkdtempSync(join(tmpdir(), "twinwire-wasm-"));
  try {
    const imports = join(directory, IMPORTS_FILE);
    writeFileSync(imports, importsText(abi));
    work({ directory, imports, out: join(directory, "core.wasm") });
    return readFileSync(join(directory, "core.wasm"));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Compiles and links with one call of a clang of the machine. */
function buildWithDriver(driver, flags, { root, abi, includes, sources }) {
  return inTemporaryDirectory(abi, ({ imports, out }) => {
    const link = linkThroughDriver(linkFlags(abi, imports));
    run(driver, [...flags, ...compileFlags, ...includeFlags(includes), ...sources, ...link, "-o", out], root);
  });
}

/** A tree of objects, as the npm toolchain wants its files: { folder: { name: text } } */
function fileTree(files) {
  const tree = {};
  for (const [path, text] of files) {
    const parts = path.split("/");
    const name = parts.pop();
    let folder = tree;
    for (const part of parts) folder = folder[part] ??= {};
    folder[name] = text;
  }
  return tree;
}

/** clang and wasm-ld from npm, themselves WebAssembly: no set-up beyond npm ci, the same bytes on every machine. */
const yowasp = {
  name: "npm",
  shim: true,
  find() {
    try {
      const resolved = createRequire(import.meta.url).resolve("@yowasp/clang");
      const manifest = JSON.parse(readFileSync(join(resolved, "../../package.json"), "utf8"));
      return { version: `@yowasp/clang ${manifest.version}` };
    } catch (cause) {
      throw new ToolchainError('@yowasp/clang is not installed: run "npm ci", or choose TOOLCHAIN=clang', { cause });
    }
  },
  async build(job) {
    const { commands, runLLVM } = await import("@yowasp/clang");
    const files = fileTree([...job.files, [IMPORTS_FILE, importsText(job.abi)]]);
    const args = [
      BARE,
      ...compileFlags,
      ...includeFlags(job.includes),
      ...job.sources,
      "-nostdlib",
      ...linkThroughDriver(linkFlags(job.abi, IMPORTS_FILE)),
      "-o",
      "core.wasm",
    ];
    const toStderr = (bytes) => bytes && process.stderr.write(bytes);
    await runLLVM(null, {}, { fetchProgress: () => {} }); // loads the compiler without a word on stdout
    const produced = await commands.clang(args, files, { stdout: toStderr, stderr: toStderr }).catch((error) => {
      if (error.code === undefined) throw error; // not an exit code of the compiler
    });
    if (!produced?.["core.wasm"]) throw new ToolchainError("clang failed (see above)");
    return produced["core.wasm"];
  },
};

/** A clang of the machine with its wasm-ld: the quick one while developing. */
const clang = {
  name: "clang",
  shim: true,
  find() {
    const driver = findProgram(process.env.CLANG ? [process.env.CLANG] : suffixed("clang"));
    if (!driver)
      throw new ToolchainError("no clang found: install clang and lld (Debian: clang-19 lld-19), or set CLANG");
    const linker = spawnSync(driver.path, ["-print-prog-name=wasm-ld"], { encoding: "utf8" }).stdout.trim();
    if (!findProgram([linker])) {
      throw new ToolchainError(`${driver.path} has no wasm-ld: install the lld of the same version (Debian: lld-19)`);
    }
    return driver;
  },
  build(job, { path }) {
    return buildWithDriver(path, [BARE, "-nostdlib"], job);
  },
};

/** A clang with a WASI libc: wasi-sdk at $WASI_SDK_PATH, or Debian's wasi-libc beside its clang. */
const wasiSdk = {
  name: "wasi-sdk",
  shim: false,
  find() {
    const sdk = process.env.WASI_SDK_PATH;
    if (sdk) {
      const driver = findProgram([join(sdk, "bin/clang")]);
      if (!driver) throw new ToolchainError(`WASI_SDK_PATH=${sdk} has no bin/clang that runs`);
      return { ...driver, flags: [`--sysroot=${join(sdk, "share/wasi-sysroot")}`] };
    }
    if (!existsSync("/usr/include/wasm32-wasi/string.h")) {
      throw new ToolchainError(
        "no wasi-sdk found: set WASI_SDK_PATH to its folder (github.com/WebAssembly/wasi-sdk), " +
          "or install Debian's wasi-libc libclang-rt-19-dev-wasm32 clang-19 lld-19",
      );
    }
    return { ...clang.find(), flags: ["--sysroot=/usr"] };
  },
  build(job, { path, flags }) {
    // The start files and _initialize stay out: the core has no constructors.
    return buildWithDriver(path, ["--target=wasm32-wasi", ...flags, "-nostartfiles", "-mexec-model=reactor"], job);
  },
};

/** Emscripten's compiler. The link is wasm-ld's own: emcc would add exports, a table and a start of its runtime. */
const emscripten = {
  name: "emscripten",
  shim: true,
  find() {
    const driver = findProgram([process.env.EMCC ?? "emcc"]);
    if (!driver) throw new ToolchainError("no emcc found: install emscripten (Debian: emscripten), or set EMCC");
    const llvm = spawnSync("em-config", ["LLVM_ROOT"], { encoding: "utf8" }).stdout?.trim();
    const linker = findProgram(suffixed("wasm-ld").map((name) => (llvm ? join(llvm, name) : name)));
    if (!linker) throw new ToolchainError("emcc has no wasm-ld: install the lld of its LLVM");
    return { path: driver.path, linker: linker.path, version: `${driver.version}, ${linker.version}` };
  },
  build({ root, abi, includes, sources }, { path, linker }) {
    return inTemporaryDirectory(abi, ({ directory, imports, out }) => {
      const objects = sources.map((source) => {
        const object = join(directory, `${source.replaceAll("/", "-")}.o`);
        run(path, [...compileFlags, ...includeFlags(includes), "-c", source, "-o", object], root);
        return object;
      });
      run(linker, [...objects, ...linkFlags(abi, imports), "-o", out], root);
    });
  },
};

export const toolchains = [yowasp, clang, wasiSdk, emscripten];
