import type { ReceivedBytes } from "../../wasm/port-types.ts";
import type { Conn } from "../conn/conn.ts";
import type { ServerOptions, TlsServerOptions } from "../conn/options.ts";
import type { IncomingRequest } from "../http/calls.ts";
import type { ServeOptions } from "../http/server.ts";
import { callback, integer, OptionSet, oneOf, type Rule, type Rules, value } from "../internal/options.ts";
import {
  type AcceptOptions,
  type AdmissionOptions,
  acceptRules,
  admissionRules,
  type CheckedAccept,
  positive,
} from "./handshake.ts";
import { ServerSocket } from "./socket.ts";

/** The options of `upgrade`, and of each client of a `WebSocketServer`. */
export interface UpgradeOptions extends AcceptOptions {
  /** The bytes that may wait to be sent to a client; more end its connection with ERR_BACKPRESSURE. Default: 16777216. */
  readonly maxBuffered?: number | undefined;
  /** The most milliseconds from `close()` to `closed`, at most `limits().closeTimeoutMs`. Default: that. */
  readonly closeTimeoutMs?: number | undefined;
}

/** The options of `new WebSocketServer`. An unknown name is an error. */
export interface WebSocketServerOptions<Data = unknown> extends UpgradeOptions, AdmissionOptions, ServeOptions {
  /** The options of the `TcpServer`, or with `tls` of the `TlsServer`, that listens. */
  readonly listen?: ServerOptions | TlsServerOptions | undefined;
  /** Called when a client has connected, before any of its messages. It may be async. */
  readonly onConnection?: ((socket: ServerSocket<Data>, request: IncomingRequest) => void) | undefined;
  /**
   * Called with each message of every client: a string, or bytes that the application may keep. Several times faster than
   * `message` events, which are not dispatched then. A promise that it returns slows the client down: at most a window of
   * 65536 bytes is received ahead of those that are still pending.
   */
  readonly onMessage?: ((socket: ServerSocket<Data>, message: string | ReceivedBytes) => void) | undefined;
  /**
   * Called with what a callback of the application throws, and with the errors of clients that break HTTP or the handshake.
   * Without it, what a callback throws or rejects with becomes an uncaught exception.
   */
  readonly onError?: ((error: unknown, conn: Conn) => void) | undefined;
}

/** What happens to clients that take messages more slowly than they are sent. */
export type SlowClients = "queue" | "skip";

/** The options of `WebSocketServer.broadcast`. */
export interface BroadcastOptions {
  /** The clients to send to. Default: all. */
  readonly to?: Iterable<ServerSocket> | undefined;
  /** A client to leave out. */
  readonly except?: ServerSocket | undefined;
  /**
   * What happens to clients for which the message would have to wait: `"queue"` keeps it for them, up to `maxBuffered`;
   * `"skip"` leaves them out. Default: `"queue"`.
   */
  readonly slow?: SlowClients | undefined;
}

/** The options of `WebSocketServer.publish`. */
export type PublishOptions = Omit<BroadcastOptions, "to">;

/** The options of `WebSocketServer.close`. */
export interface WebSocketCloseOptions {
  /** The close code for clients. Default: 1001, going away; with `spreadMs` 1012, service restart. */
  readonly code?: number | undefined;
  /** The close reason for clients, at most 123 bytes of UTF-8. */
  readonly reason?: string | undefined;
  /** How long clients may take to answer, in milliseconds, at most `limits().closeTimeoutMs`. Default: that. */
  readonly graceMs?: number | undefined;
  /**
   * Closes the clients one after the other in a random order, evenly over so many milliseconds, so that they do not come back
   * all at once. Default: 0, all immediately.
   */
  readonly spreadMs?: number | undefined;
}

/** `UpgradeOptions`, checked and copied. */
export interface CheckedUpgrade extends Omit<UpgradeOptions, "deflate">, CheckedAccept {}

/** `WebSocketServerOptions`, checked and copied. */
export interface CheckedServer extends Omit<WebSocketServerOptions, "deflate">, CheckedUpgrade {}

const MOST = 2 ** 31 - 1;

/* The HTTP server and the listener check these themselves. */
const passed: Rule<never> = (given) => given as never;

const upgradeRules: Rules<CheckedUpgrade> = {
  ...acceptRules,
  maxBuffered: integer(1, Number.MAX_SAFE_INTEGER),
  closeTimeoutMs: positive,
};

const upgradeOptions = new OptionSet<CheckedUpgrade>(upgradeRules);

const serverOptions = new OptionSet<CheckedServer>({
  ...upgradeRules,
  ...admissionRules,
  listen: passed,
  onConnection: callback(),
  onMessage: callback(),
  onError: callback(),
  idleTimeoutMs: passed,
  headTimeoutMs: passed,
  timeoutMs: passed,
  headAsGet: passed,
  writeTimeoutMs: passed,
  maxBody: passed,
});

const isSocket = value(
  "a client of a WebSocketServer",
  (given): given is ServerSocket => given instanceof ServerSocket,
);

const broadcastOptions = new OptionSet<BroadcastOptions>({
  to: (given, path) => Array.from(given as Iterable<unknown>, (socket) => isSocket(socket, path)),
  except: isSocket,
  slow: oneOf("queue", "skip"),
});

const publishOptions = new OptionSet<PublishOptions>({ except: isSocket, slow: oneOf("queue", "skip") });

const closeOptions = new OptionSet<WebSocketCloseOptions>({
  code: passed,
  reason: passed,
  graceMs: integer(0, MOST),
  spreadMs: integer(0, MOST),
});

/** @throws TwinwireError ERR_ARGUMENT for an unknown option or a value out of its range. */
export const checkUpgrade = (given: unknown): CheckedUpgrade => upgradeOptions.read("upgrade", given, "accept");

/** @throws TwinwireError as `checkUpgrade`. */
export const checkServer = (given: unknown): CheckedServer => serverOptions.read("WebSocketServer", given);

/** @throws TwinwireError as `checkUpgrade`. */
export const checkBroadcast = (given: unknown): BroadcastOptions =>
  broadcastOptions.read("WebSocketServer.broadcast", given, "send");

/** @throws TwinwireError as `checkUpgrade`. */
export const checkClose = (given: unknown): WebSocketCloseOptions =>
  closeOptions.read("WebSocketServer.close", given, "close");

/** @throws TwinwireError as `checkUpgrade`. */
export const checkPublish = (given: unknown): PublishOptions =>
  publishOptions.read("WebSocketServer.publish", given, "send");
