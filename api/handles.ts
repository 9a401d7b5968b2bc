/**
 * twinwire/handles: sockets as numbers, what happens as events; the C API spelled in TypeScript, so that code moves
 * between firmware and PC line by line. Calls that fail return -1 and queue or change nothing; `lastError()` says why.
 *
 * @module
 */
export type { ErrorCode, Limits } from "../wasm/abi.gen.ts";
export type { Diagnosis, DisconnectedDiagnosis, ErrorDiagnosis } from "../wasm/diagnostics.ts";
export { type ErrorStep, TwinwireError } from "../wasm/errors.ts";
export { type Host, limits, useHost } from "../wasm/host.ts";
export type { Stats } from "../wasm/memory.ts";
export type { Pem, TlsOptions } from "../wasm/socket-options.ts";
export type { Bytes } from "./handles/arguments.ts";
export type { Done, HandleState, ListenerOptions } from "./handles/common.ts";
export type { EventContext } from "./handles/context.ts";
export { defineEvent, type EventType, type FieldType, type Listener, on, type Shape } from "./handles/define-event.ts";
export type * from "./handles/events.ts";
export { lastError } from "./handles/failure.ts";
export * as net from "./handles/net.ts";
export * as runtime from "./handles/runtime.ts";
export * as ws from "./handles/ws.ts";
export type { WsOpenOptions } from "./handles/ws-options.ts";
