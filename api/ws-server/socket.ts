/** Topics: named sets of clients, to which a server publishes. */

import { AddressOf } from "../../wasm/abi.gen.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsInfo } from "../../wasm/port-types.ts";
import type { IncomingRequest } from "../http/calls.ts";
import { show } from "../internal/arguments.ts";
import { closeArguments } from "../internal/websocket.ts";
import { WebSocketBase } from "../websocket/base.ts";
import { ReadyState, type Session } from "../websocket/session.ts";

const NONE: ReadonlySet<never> = new Set<never>();

/** The subscriptions of members to topics. A topic exists while it has members. */
export class Topics<Member> {
  readonly #members = new Map<string, Set<Member>>();

  subscribe(member: Member, topic: string): void {
    const members = this.#members.get(topic);
    if (members === undefined) this.#members.set(topic, new Set([member]));
    else members.add(member);
  }

  unsubscribe(member: Member, topic: string): void {
    const members = this.#members.get(topic);
    if (members?.delete(member) && members.size === 0) this.#members.delete(topic);
  }

  /** The members of a topic, in the order in which they subscribed. */
  of(topic: string): ReadonlySet<Member> {
    return this.#members.get(topic) ?? NONE;
  }

  /** Each topic and the number of its members. */
  *counts(): Generator<readonly [string, number]> {
    for (const [topic, members] of this.#members) yield [topic, members.size];
  }
}

/** @throws TwinwireError ERR_ARGUMENT for a topic that is not a string. */
export function checkTopic(topic: unknown, operation: string): string {
  if (typeof topic === "string") return topic;
  const problem = `a topic must be a string, not ${show(topic)}`;
  throw new TwinwireError("ERR_ARGUMENT", { step: "call", operation, problem });
}

/** Lets a client subscribe to the topics of its server. @internal */
export let useTopics: (socket: ServerSocket, topics: Topics<ServerSocket>) => void;

/** Ends the subscriptions of a client. @internal */
export let leaveTopics: (socket: ServerSocket) => void;

/** The session of a client. @internal */
export let sessionOf: (socket: ServerSocket) => Session;

/**
 * A client of a WebSocket server. It has the members of a `WebSocket`, and is open from the start.
 *
 * ```ts
 * for await (const message of socket) socket.send(message);
 * ```
 */
export class ServerSocket<Data = unknown> extends WebSocketBase {
  /** The request that opened it: its path, its headers. */
  readonly request: IncomingRequest;
  /** Free for the application's own data of this client. Default: `undefined`. */
  data: Data;
  readonly #session: Session;
  readonly #remote: string;
  /** Those of its server. */
  #topics: Topics<ServerSocket> | undefined;
  #subscriptions: Set<string> | undefined;

  /** @internal */
  constructor(session: Session, request: IncomingRequest, remote: string) {
    const { origin = "" } = request.headers;
    super(session, origin);
    this.data = undefined as Data;
    this.#session = session;
    this.request = request;
    this.#remote = remote;
  }

  static {
    sessionOf = (socket) => socket.#session;
    useTopics = (socket, topics) => {
      socket.#topics = topics;
    };
    leaveTopics = (socket) => socket.#leaveTopics();
  }

  /**
   * Subscribes to a topic of its server: it receives what `publish` sends, until it unsubscribes or is closed. A second
   * subscription has no effect.
   *
   * ```ts
   * socket.subscribe("news");
   * server.publish("news", "hello");
   * ```
   *
   * @param topic any string; a topic exists while it has subscribers.
   * @throws TwinwireError ERR_STATE after the end, and for a client of `upgrade`, which has no server; ERR_ARGUMENT.
   */
  subscribe(topic: string): void {
    const name = checkTopic(topic, "subscribe");
    if (this.#topics === undefined || this.readyState > ReadyState.OPEN) {
      throw this.#session.fault("ERR_STATE", this.#topics === undefined ? "it has no server" : "it is closed");
    }
    this.#subscriptions ??= new Set();
    this.#subscriptions.add(name);
    this.#topics.subscribe(this, name);
  }

  /** Ends a subscription. Without one, it has no effect. */
  unsubscribe(topic: string): void {
    if (this.#subscriptions?.delete(topic)) this.#topics?.unsubscribe(this, topic);
  }

  /** The topics to which it has subscribed, in the order of the calls. */
  get subscriptions(): readonly string[] {
    return [...(this.#subscriptions ?? [])];
  }

  #leaveTopics(): void {
    for (const topic of this.#subscriptions ?? []) this.#topics?.unsubscribe(this, topic);
    this.#subscriptions = undefined;
  }

  /** The client's address, as `"ip:port"`, `"[ipv6]:port"` or the path of a Unix socket. */
  remoteAddr(): string {
    return this.#remote;
  }

  /** The local address; `""` after the end. */
  localAddr(): string {
    const { connection } = this.#session;
    const address = connection?.engine.address(connection.handle, AddressOf.LOCAL);
    return typeof address === "string" ? address : "";
  }

  /** The result of the TLS handshake; `undefined` without TLS. */
  tlsInfo(): TlsInfo | undefined {
    const { connection } = this.#session;
    return connection?.engine.tlsInfo(connection.handle);
  }

  /**
   * Starts the close handshake after everything that was sent. `closed` is settled within `closeTimeoutMs`, whatever the client
   * does.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999: for example 1008 for a violated policy, 1011 for an internal error.
   * @param reason at most 123 bytes of UTF-8.
   * @throws DOMException InvalidAccessError for another code, SyntaxError for a longer reason.
   */
  override close(code?: number, reason?: string): void {
    const checked = closeArguments(code, reason, true);
    this.#session.close(checked.code, checked.reason);
  }

  /** Ends the connection immediately, without a close frame. */
  terminate(): void {
    this.#session.connection?.cut();
    this.#session.abort(this.#session.fault("ERR_ABORTED", "terminate was called"));
  }
}
