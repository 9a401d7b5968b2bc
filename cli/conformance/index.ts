/** What runs vectors and traces against the core: loaded only by the commands that do. */
export { readVectors } from "./file.ts";
export { CoreMachine } from "./machine.ts";
export { runCase } from "./run.ts";
export { replayableOf, vectorOf } from "./trace.ts";
