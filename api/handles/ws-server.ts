/** WebSocket servers of the handle API: a listener, and the WebSockets that it makes of the requests it receives. */
import { EventSignatures, FOREVER, Kind } from "../../wasm/abi.gen.ts";
import type { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorValue, TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { report } from "../../wasm/report.ts";
import { Conn } from "../conn/conn.ts";
import { type ListenOptions, listenOptions, socketOptions } from "../conn/options.ts";
import { Stream } from "../conn/stream.ts";
import type { IncomingRequest } from "../http/calls.ts";
import { isOurs, type ServeOptions, ServerConnection, serveOptions } from "../http/server.ts";
import { WINDOW } from "../internal/messages.ts";
import { OptionSet, tlsOptions } from "../internal/options.ts";
import {
  type AcceptOptions,
  Admission,
  type AdmissionOptions,
  type AdmissionOwner,
  acceptRequest,
  acceptRules,
  admissionRules,
  type CheckedAccept,
} from "../ws-server/handshake.ts";
import { type EventSource, failureOf, ListenerEndpoint } from "./endpoints.ts";
import type { WsListenerEvents } from "./events.ts";
import { type Channel, Channels, EventContext, type EventName, type EventType, Form } from "./listeners.ts";
import { WS_EVENTS, WsEndpoint } from "./ws-endpoint.ts";

/** RFC 6455 7.4.1: the server is going away. */
const GOING_AWAY = 1001;

/** The options of `ws.listen`. An unknown name is an error. */
export interface WsListenOptions extends AcceptOptions, AdmissionOptions, ListenOptions, Omit<ServeOptions, "onError"> {
  /** Serves `wss:`. `cert` and `key` are required. */
  readonly tls?: TlsOptions | undefined;
}

/** The same, checked and copied. */
interface CheckedOptions extends Omit<WsListenOptions, "deflate">, CheckedAccept {}

const { onError: _, ...serveRules } = serveOptions.rules;
const options = new OptionSet<CheckedOptions>({
  ...acceptRules,
  ...admissionRules,
  ...serveRules,
  ...listenOptions.rules,
  tls: tlsOptions.rule,
});

/** @throws TwinwireError ERR_ARGUMENT for an unknown option or a value out of its range. */
export const checkListen = (given: unknown): CheckedOptions => options.read("ws.listen", given);

/** The events of the WebSockets of a server. */
class WebSocketsOf implements EventSource {
  static readonly #events: readonly EventName[] = [...WS_EVENTS, "accepted"];
  readonly channels = new Channels();
  readonly #server: Endpoint;

  constructor(server: Endpoint) {
    this.#server = server;
  }

  get handle(): number {
    return this.#server.handle;
  }

  get address(): string {
    return this.#server.address;
  }

  channel(event: string): Channel | undefined {
    return WebSocketsOf.#events.includes(event as EventName) ? this.channels.of(event as EventName) : undefined;
  }

  /* The core knows the server's handle as a listener. */
  bind(event: string, type: EventType<never>): number {
    const declared = Object.values(EventSignatures).some(
      (it) => it.kind === Kind.WS && it.event === event && it.signature === type.declaration,
    );
    return declared ? 0 : errorValue("ERR_EVENT");
  }
}

/** A WebSocket server of the handle API. */
export class WsServerEndpoint extends ListenerEndpoint implements AdmissionOwner {
  /** The events of its WebSockets. */
  readonly sockets = new WebSocketsOf(this);
  stopped = false;
  readonly #options: CheckedOptions;
  readonly #serve: ServeOptions;
  readonly #admission: Admission;
  /** Connections before their first request: those in a TLS handshake. */
  readonly #pending = new Set<Stream>();
  readonly #connections = new Set<ServerConnection>();
  readonly #webSockets = new Set<WsEndpoint>();

  constructor(engine: Engine, address: string, given: CheckedOptions) {
    super(engine, Kind.LISTENER, address);
    this.#options = given;
    this.options = socketOptions(given);
    const { idleTimeoutMs, headTimeoutMs, timeoutMs, writeTimeoutMs, maxBody, headAsGet } = given;
    const onError = (error: unknown, conn: Conn): void => this.#failed(error, conn.handle);
    this.#serve = { idleTimeoutMs, headTimeoutMs, timeoutMs, writeTimeoutMs, maxBody, headAsGet, onError };
    this.#admission = new Admission(engine, given, this);
  }

  protected override get events(): readonly EventName[] {
    return SERVER_EVENTS;
  }

  override accepted(handle: number): Endpoint | undefined {
    const stream = new Stream(this.engine, this.peerOf(handle), WINDOW);
    stream.onSettled = this.#settled;
    this.#pending.add(stream);
    return stream;
  }

  override registered(): void {}

  /** As `AdmissionOwner`. */
  accept(request: IncomingRequest): void {
    const { maxMessage, deflate } = this.#options;
    const { endpoint, rest } = acceptRequest(
      request,
      this.#options,
      (remote) =>
        new WsEndpoint(this.engine, remote, { server: this.sockets.channels, compression: deflate, maxMessage }),
    );
    this.#webSockets.add(endpoint);
    endpoint.onEnd = () => this.#webSockets.delete(endpoint);
    const conn = endpoint.handle;
    const event: WsListenerEvents["accepted"] = { conn, listener: this.handle, request };
    this.sockets.channels.accepted?.emit(this.context(), undefined, event);
    if (endpoint.released) return;
    endpoint.connected();
    if (rest.length > 0 && !endpoint.released) this.engine.unread(conn, rest);
  }

  /** As `AdmissionOwner`. */
  refused(error: TwinwireError, request: IncomingRequest): void {
    this.#failed(error, request.conn.handle);
  }

  override close(): number {
    return this.closeWith(GOING_AWAY, "");
  }

  /** Stops listening, closes the WebSockets with a code, and the other connections after their response. */
  closeWith(code: number, reason: string): number {
    const result = super.close();
    if (result < 0) return result;
    this.stopped = true;
    for (const stream of this.#pending) stream.close();
    for (const connection of this.#connections) connection.stop();
    for (const endpoint of this.#webSockets) {
      if (!endpoint.released) this.engine.ws.close(endpoint, code, reason);
    }
    return result;
  }

  readonly #settled = (stream: Stream, error: TwinwireError | undefined): void => {
    this.#pending.delete(stream);
    if (error !== undefined) {
      if (!this.stopped) this.#failed(error, stream.handle);
      return;
    }
    const conn = new Conn(stream);
    const connection = new ServerConnection(conn, (request) => this.#admission.answer(request), this.#serve);
    this.#connections.add(connection);
    Promise.race([connection.run(), conn.closed]).then(() => this.#connections.delete(connection));
  };

  /** A client has failed, or a callback of the application's for it. */
  #failed(cause: unknown, conn: number): void {
    const error =
      cause instanceof TwinwireError
        ? cause
        : new TwinwireError("ERR_CALLBACK", { step: "accept", address: this.address, cause });
    const channel = this.sockets.channels.error;
    if (channel?.wants(Form.PLAIN)) {
      const context = EventContext.empty(conn);
      channel.emit(context, undefined, { conn, ...failureOf(error, FOREVER) });
    } else if (isOurs(error)) {
      report(cause);
    }
  }
}

const SERVER_EVENTS: readonly EventName[] = ["connected", "disconnected", "error"];
