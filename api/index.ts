/**
 * twinwire: one network engine in portable C, here as WebAssembly.
 *
 * @module
 */
export { type ErrorCode, Errors as errors, type Limits } from "../wasm/abi.gen.ts";
export { type ErrorStep, TwinwireError } from "../wasm/errors.ts";
export { limits } from "../wasm/host.ts";

/** The version of the package. */
export const version = "0.1.0";
