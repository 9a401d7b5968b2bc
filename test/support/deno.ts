/** Loaded before each file of tests in Deno: what starts a program by `process.execPath` means one that takes Node's flags. */
import { fileURLToPath } from "node:url";

process.execPath = fileURLToPath(new URL("./deno-as-node.sh", import.meta.url));
