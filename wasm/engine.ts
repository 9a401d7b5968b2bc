import { WsCalls } from "./ws-calls.ts";

export type { Payload } from "./calls.ts";
export type { ProxyServer } from "./socket-calls.ts";
export type { Broadcast, WsAnswer } from "./ws-calls.ts";

/**
 * The core and a port, ready for the APIs: the calls of the core interface with JavaScript's arguments. A call returns what the core
 * returns, `>= 0` a count or a handle, `< 0` an error number, and never throws. Handles that come in here are those of
 * endpoints; that the application's numbers name one is for the API to check, with `find`.
 */
export class Engine extends WsCalls {}
