import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { PerMessageDeflateOptions } from "./client-options.ts";
import type { WebSocket } from "./websocket.ts";

/** What `verifyClient` is asked about. */
export interface ClientInfo {
  readonly origin: string | undefined;
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** The verdict of a `verifyClient` with two parameters; an HTTP status, a body and headers for those who may not in. */
export type Verdict = (verified: boolean, code?: number, message?: string, headers?: Record<string, unknown>) => void;

/** What `new WebSocketServer` takes. One of `port`, `server` and `noServer` is needed. */
export interface ServerOptions {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly backlog?: number | undefined;
  readonly server?: HttpServer | HttpsServer | undefined;
  readonly noServer?: boolean | undefined;
  readonly path?: string | undefined;
  readonly clientTracking?: boolean | undefined;
  /** Chooses a subprotocol; what is falsy: none. Default: the first that the client offers. */
  readonly handleProtocols?:
    | ((protocols: Set<string>, request: IncomingMessage) => string | false | null | undefined)
    | undefined;
  readonly verifyClient?: ((info: ClientInfo) => boolean) | ((info: ClientInfo, done: Verdict) => void) | undefined;
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  readonly maxPayload?: number | undefined;
  readonly maxFragments?: number | undefined;
  readonly autoPong?: boolean | undefined;
  /** Taken; text is checked all the same. */
  readonly skipUTF8Validation?: boolean | undefined;
  readonly closeTimeout?: number | undefined;
  /** The class of the clients: one that extends `WebSocket`. */
  readonly WebSocket?: typeof WebSocket | undefined;
}
