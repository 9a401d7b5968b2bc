// Compares a module with what abi.def promises.

import { inspectModule } from "./module.mjs";

export const MAX_BYTES = 72 * 1024;

const label = (entry) => `${entry.module === undefined ? "" : `${entry.module}.`}${entry.name} (${entry.kind})`;

function difference(what, expected, found, source) {
  const missing = expected
    .filter((it) => !found.includes(it))
    .map((it) => `  - ${it}: in ${source}, not in the module`);
  const extra = found.filter((it) => !expected.includes(it)).map((it) => `  + ${it}: in the module, not in ${source}`);
  return missing.length + extra.length === 0 ? [] : [`${what} differ:`, ...missing, ...extra];
}

/** What is wrong with the module, as lines of text; none: nothing. */
export function checkModule(bytes, abi) {
  const found = inspectModule(bytes);
  const imports = abi.imports.map((it) => `env.${it.name} (function)`);
  const exports = [
    "memory (memory)",
    "__heap_base (global)",
    "__stack_pointer (global)",
    ...abi.exports.map((it) => `${it.name} (function)`),
  ];
  return [
    ...difference("imports", imports, found.imports.map(label), "abi.def"),
    ...difference("exports", exports, found.exports.map(label), "abi.def"),
    ...(found.hasStart ? ["the module has a start function; instantiating it must run nothing"] : []),
    ...(found.growsMemory ? ["the module has a memory.grow instruction; only the loader grows memory"] : []),
    ...(bytes.length >= MAX_BYTES ? [`the module has ${bytes.length} bytes; ${MAX_BYTES} is the limit`] : []),
  ];
}
