import { AddressOf } from "../../wasm/abi.gen.ts";
import type { TlsInfo } from "../../wasm/socket-options.ts";
import type { IncomingRequest } from "../http/receive.ts";
import type { Session } from "../websocket/session.ts";
import { WebSocketSurface } from "../websocket/surface.ts";

/** What stands behind a client. @internal */
export let sessionOf: (socket: ServerSocket) => Session;

/**
 * A client of a WebSocket server: all that a `WebSocket` has, open from the start. It does not connect again.
 *
 * ```ts
 * for await (const message of socket) socket.send(message);
 * ```
 */
export class ServerSocket extends WebSocketSurface {
  /** The request that opened it: its path, its headers. */
  readonly request: IncomingRequest;
  /** A place for what the application knows of this client. */
  data: unknown;
  readonly #session: Session;
  readonly #remote: string;

  /** @internal */
  constructor(session: Session, request: IncomingRequest, remote: string) {
    super(session);
    this.#session = session;
    this.request = request;
    this.#remote = remote;
  }

  static {
    sessionOf = (socket) => socket.#session;
  }

  /** The client's address, as `"ip:port"`, `"[ipv6]:port"` or the path of a Unix socket. */
  remoteAddr(): string {
    return this.#remote;
  }

  /** Our end's address. `""` once it is over. */
  localAddr(): string {
    const { link } = this.#session;
    const address = link?.engine.address(link.handle, AddressOf.LOCAL);
    return typeof address === "string" ? address : "";
  }

  /** What TLS came to; `undefined` without TLS. */
  tlsInfo(): TlsInfo | undefined {
    const { link } = this.#session;
    return link?.engine.tlsInfo(link.handle);
  }

  /** Ends it at once, without a close frame. */
  terminate(): void {
    this.#session.link?.cut();
    this.#session.abort(this.#session.fault("ERR_ABORTED", "terminate was called"));
  }
}
