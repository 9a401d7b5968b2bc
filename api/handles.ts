/**
 * twinwire/handles: sockets are numbers, and what happens is an event. It is the C API in TypeScript, so that code moves between
 * firmware and PC line by line. A call that fails returns -1 and changes nothing; `lastError()` returns the reason.
 *
 * @module
 */
export type { ErrorCode, Limits } from "../wasm/abi.gen.ts";
export type { Diagnosis, DisconnectedDiagnosis, ErrorDiagnosis } from "../wasm/diagnostics.ts";
export { type ErrorStep, TwinwireError } from "../wasm/errors.ts";
export { type Host, limits, useHost } from "../wasm/host.ts";
export type { AddressStats, Stats } from "../wasm/memory.ts";
export type { Pem, ReceivedBytes, TlsOptions } from "../wasm/port-types.ts";
export { type Done, type HandleState, type ListenerOptions, lastError } from "./handles/calls.ts";
export type * from "./handles/events.ts";
export {
  defineEvent,
  type EventContext,
  type EventType,
  type FieldType,
  type Listener,
  on,
  type Shape,
} from "./handles/listeners.ts";
export type { NetListenOptions } from "./handles/net.ts";
export * as net from "./handles/net.ts";
export * as runtime from "./handles/runtime.ts";
export * as ws from "./handles/ws.ts";
export type { WsOpenOptions } from "./handles/ws-endpoint.ts";
export type { WsListenOptions } from "./handles/ws-server.ts";
export type { Bytes } from "./internal/arguments.ts";
