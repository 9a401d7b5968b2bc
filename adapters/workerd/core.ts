/** The core for workerd, which compiles no bytes: it imports the file as a module. The path is that in dist/core/. */
import module from "../core.wasm";

/** Returns the core as a compiled module. */
export function coreModule(): WebAssembly.Module {
  return module;
}
