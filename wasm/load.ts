import { ABI_HASH, type CoreExports, type CoreImports } from "./abi.gen.ts";
import { TwinwireError } from "./errors.ts";
import { moduleBase64 } from "./module.gen.ts";
import { bytesOfBase64 } from "./text.ts";

let compiled: WebAssembly.Module | undefined;

/**
 * The core as a compiled module. It is part of the program text, so that nothing is fetched or read; it is compiled at
 * the first call and kept for the process.
 */
export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(bytesOfBase64(moduleBase64));
  return compiled;
}

/**
 * A new instance of the core with its own linear memory.
 *
 * @throws TwinwireError ERR_UNSUPPORTED if module and TypeScript were made from different definitions.
 */
export function instantiate(imports: CoreImports, module = coreModule()): CoreExports {
  const { exports } = new WebAssembly.Instance(module, { env: { ...imports } });
  const core = exports as unknown as CoreExports;
  checkAbi(core.twc_abi_hash() >>> 0);
  return core;
}

/** Compares the hash of the definition file that the module was built from with that of this code. @internal */
export function checkAbi(hash: number): void {
  if (hash === ABI_HASH) return;
  const hex = (value: number): string => value.toString(16).padStart(8, "0");
  const reason = `the core was built from definition ${hex(hash)}, this code from ${hex(ABI_HASH)}: rebuild both`;
  throw new TwinwireError("ERR_UNSUPPORTED", { step: "open", reason });
}
