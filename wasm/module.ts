import { brotliDecompressSync } from "node:zlib";
import { packedModule } from "./module.gen.ts";
import { bytesOfBase64 } from "./text.ts";

let compiled: WebAssembly.Module | undefined;

/**
 * Returns the core as a compiled module. It is part of the program text, so that nothing is fetched or read; it is compiled
 * at the first call and kept for the process. A runtime that compiles no bytes has a module of its own for `#core`.
 */
export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(new Uint8Array(brotliDecompressSync(bytesOfBase64(packedModule))));
  return compiled;
}
