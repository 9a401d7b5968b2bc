/** The calls of HTTP and of WebSockets: the parts `http` and `ws` of an `Engine`. */
import { Errors, type HttpBody, type HttpRead, type HttpSend, SendFlag, type WsOption } from "./abi.gen.ts";
import type { CallContext, Payload, ProxyServer } from "./call-context.ts";
import type { Endpoint } from "./endpoint.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const ARGUMENT = Errors.ERR_ARGUMENT.value;
const HEADER = Errors.ERR_HEADER.value;

/** What a server answers an opening handshake with. */
export interface WsAnswer {
  /** The subprotocol, one that was offered; `""`: none. */
  readonly protocol: string;
  /** Further fields: pairs of name and value, each ended by NUL. */
  readonly fields: string;
  readonly fieldCount: number;
  /** `Deflate` parameters that are accepted, or 0. */
  readonly deflate: number;
}

/** What a broadcast came to. */
export interface Broadcast {
  /** How many took it; or an error number, with nothing sent. */
  readonly taken: number;
  /** For each: the bytes of the message, or an error number. */
  readonly results: Int32Array;
}

const NO_RESULTS = new Int32Array(0);

/** The calls that take a stream's bytes as HTTP messages, and send such messages. */
export class HttpCalls {
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
  }

  /**
   * Takes what comes next on a stream as one HTTP message with a body of at most `maxBody` bytes. The endpoint receives
   * `httpHead`, `httpBody`, `httpTrailer` and, at last, `httpEnd`. What has come already is for `unread`.
   */
  read(handle: number, flags: HttpRead | number, maxBody: number): number {
    return this.#context.core.exports.twc_http_read(this.#context.core.self, handle, flags, maxBody);
  }

  /**
   * Queues a message's head and body, whole or not at all. `head` has texts that are each ended by NUL: the reason of a
   * response, or method and target of a request (`status` 0); then `fieldCount` pairs of name and value. Each of its
   * characters is a byte.
   */
  send(
    handle: number,
    flags: HttpSend | number,
    status: number,
    head: string,
    fieldCount: number,
    body: Payload,
  ): number {
    const { exports, self, stage } = this.#context.core;
    const headSize = this.#context.stageLatin1(head, 0);
    if (headSize < 0) return HEADER;
    const size = this.#context.stage(body, headSize);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    return exports.twc_http_send(self, handle, flags, status, stage, headSize, fieldCount, stage + headSize, size);
  }

  /** Queues the next part of a body that `send` began. `trailers`: `trailerCount` pairs, as in `send`. */
  sendBody(handle: number, flags: HttpBody | number, data: Payload, trailers = "", trailerCount = 0): number {
    const { exports, self, stage } = this.#context.core;
    const trailersSize = trailers === "" ? 0 : this.#context.stageLatin1(trailers, 0);
    if (trailersSize < 0) return HEADER;
    const size = this.#context.stage(data, trailersSize);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    const part = stage + trailersSize;
    return exports.twc_http_send_body(self, handle, flags, part, size, stage, trailersSize, trailerCount);
  }
}

/** The calls of WebSockets. */
export class WsCalls {
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
  }

  connect(endpoint: Endpoint, url: string): number {
    const { exports, self, stage } = this.#context.core;
    this.#secureBy(endpoint, url);
    return this.#context.openAllowed(
      endpoint,
      url,
      Errors.ERR_URL.value,
      (size) => exports.twc_ws_connect(self, stage, size),
      (size, policy, policySize) => exports.twc_ws_connect_allowed(self, stage, size, policy, policySize),
    );
  }

  /** As `connect`, through an HTTP proxy. */
  connectVia(endpoint: Endpoint, url: string, proxy: ProxyServer): number {
    const { exports, self, stage } = this.#context.core;
    this.#secureBy(endpoint, url);
    const size = this.#context.stage(url);
    if (size < 0) return Errors.ERR_URL.value;
    return this.#context.openVia(endpoint, size, proxy, (host, hostSize, credentials, credentialsSize) =>
      exports.twc_ws_connect_via(self, stage, size, host, hostSize, proxy.port, credentials, credentialsSize),
    );
  }

  addHeader(handle: number, name: string, value: string): number {
    const { exports, self, stage } = this.#context.core;
    const nameSize = this.#context.stage(name);
    const valueSize = nameSize < 0 ? -1 : this.#context.stage(value, nameSize);
    if (valueSize < 0) return Errors.ERR_MEMORY.value;
    return exports.twc_ws_header(self, handle, stage, nameSize, stage + nameSize, valueSize);
  }

  /** Adds an Authorization header by RFC 7617. */
  addBasicAuth(handle: number, user: string, password: string): number {
    const { exports, self, stage } = this.#context.core;
    const userSize = this.#context.stage(user);
    const passwordSize = userSize < 0 ? -1 : this.#context.stage(password, userSize);
    if (passwordSize < 0) return HEADER;
    return exports.twc_ws_basic_auth(self, handle, stage, userSize, stage + userSize, passwordSize);
  }

  /** Takes off what `addHeader` and `addBasicAuth` have added. */
  clearHeaders(handle: number): number {
    return this.#context.core.exports.twc_ws_clear_headers(this.#context.core.self, handle);
  }

  addProtocol(handle: number, name: string): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(name);
    return size < 0 ? Errors.ERR_MEMORY.value : exports.twc_ws_protocol(self, handle, stage, size);
  }

  /** How it behaves (`WsOption` bits), and the most that a message may have; 0: as limits say. */
  setOptions(handle: number, options: WsOption | number, maxMessage = 0, maxFragments = 0): number {
    return this.#context.core.exports.twc_ws_set_options(
      this.#context.core.self,
      handle,
      options,
      maxMessage,
      maxFragments,
    );
  }

  /** Offers permessage-deflate with these `Deflate` parameters; 0: none. */
  setDeflate(handle: number, deflate: number): number {
    return this.#context.core.exports.twc_ws_set_deflate(this.#context.core.self, handle, deflate);
  }

  /** The `Deflate` parameters that were agreed upon, 0 for no compression, or an error number. */
  deflate(handle: number): number {
    return this.#context.core.exports.twc_ws_deflate(this.#context.core.self, handle);
  }

  /** Sends a ping after so much silence, and ends the connection after that much more. 0: never. */
  setHeartbeat(handle: number, intervalMs: number, timeoutMs: number): number {
    this.#context.pump.touchClock();
    this.#context.pump.queueSettle();
    return this.#context.core.exports.twc_ws_set_heartbeat(this.#context.core.self, handle, intervalMs, timeoutMs);
  }

  /**
   * Queues a message whole or not at all; or, with `SendFlag.PART` (and perhaps `MORE`) in `flags`, a part of one. Text
   * is sent as such, bytes as binary unless `flags` has `TEXT`; `COMPRESSED`: as they are after compression.
   */
  send(handle: number, data: Payload, flags = 0): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(data);
    if (size < 0) return TOO_LARGE;
    const all = (typeof data === "string" ? SendFlag.TEXT : SendFlag.BINARY) | flags;
    this.#context.pump.queueSettle();
    return exports.twc_ws_send(self, handle, all, stage, size);
  }

  ping(handle: number, data: Payload): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(data);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    return exports.twc_ws_ping(self, handle, stage, size);
  }

  /** A pong that answers no ping, or a ping that was not answered by itself. */
  pong(handle: number, data: Payload): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(data);
    if (size < 0) return TOO_LARGE;
    this.#context.pump.queueSettle();
    return exports.twc_ws_pong(self, handle, stage, size);
  }

  /** Starts a WebSocket's close handshake; the number is stale from now on, and the endpoint receives its end. */
  close(endpoint: Endpoint, code: number, reason: string): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(reason);
    if (size < 0) return ARGUMENT;
    this.#context.beforeClosing();
    return this.#context.afterClosing(endpoint, exports.twc_ws_close(self, endpoint.handle, code, stage, size));
  }

  /** As `close`, of one with `WsOption.RECEIVE_WHILE_CLOSING`: the number stays valid, and what comes is delivered. */
  startClosing(handle: number, code: number, reason: string): number {
    const { exports, self, stage } = this.#context.core;
    const size = this.#context.stage(reason);
    if (size < 0) return ARGUMENT;
    this.#context.beforeClosing();
    return exports.twc_ws_close(self, handle, code, stage, size);
  }

  /**
   * Makes a WebSocket of an accepted stream whose handshake was done elsewhere, on its server's side or its client's.
   * `deflate`: the `Deflate` parameters that were agreed upon. Its events go to `endpoint` from now on.
   */
  attach(endpoint: Endpoint, handle: number, client: boolean, deflate: number): number {
    const { exports, self } = this.#context.core;
    const result = exports.twc_ws_attach(self, handle, client ? 1 : 0, deflate);
    if (result >= 0) this.#context.pump.endpoints.add(endpoint, handle);
    return result;
  }

  /** What was wrong with the frame that ended it: a `WsFault` in the upper 16 bits and its value in the lower ones, or 0. */
  fault(handle: number): number {
    return Math.max(0, this.#context.core.exports.twc_ws_fault(this.#context.core.self, handle));
  }

  /** The subprotocol that was chosen, or an error number. */
  protocol(handle: number): string | number {
    const { exports, memory, self, stage } = this.#context.core;
    const size = exports.twc_protocol(self, handle, stage, this.#context.limits.stageBuffer);
    return size < 0 ? size : memory.utf8(stage, size);
  }

  /** The status with which a request, given by its head, is to be answered as an opening handshake; 101: it is one. */
  judge(head: string): number {
    const { exports, stage } = this.#context.core;
    const size = this.#context.stageLatin1(head, 0);
    return size < 0 ? 431 : exports.twc_ws_judge(stage, size);
  }

  /**
   * Answers the opening handshake in `head`, of which each character is a byte as `httpHead` gave it, on an accepted stream by 101. The handle is a
   * WebSocket from now on, whose events `endpoint` receives. Bytes that came behind the head are for `unread`.
   */
  accept(endpoint: Endpoint, handle: number, head: string, answer: WsAnswer): number {
    const { exports, self, stage } = this.#context.core;
    this.#context.pump.touchClock();
    const headSize = this.#context.stageLatin1(head, 0);
    if (headSize < 0) return TOO_LARGE;
    const protocolSize = this.#context.stage(answer.protocol, headSize);
    if (protocolSize < 0) return TOO_LARGE;
    const fieldsAt = headSize + protocolSize;
    const fieldsSize = this.#context.stageLatin1(answer.fields, fieldsAt);
    if (fieldsSize < 0) return HEADER;
    this.#context.pump.queueSettle();
    const result = exports.twc_ws_accept(
      self,
      handle,
      stage,
      headSize,
      stage + headSize,
      protocolSize,
      stage + fieldsAt,
      fieldsSize,
      answer.fieldCount,
      answer.deflate,
    );
    if (result >= 0) this.#context.pump.endpoints.add(endpoint, handle);
    return result;
  }

  /** Queues one message on many WebSockets that `accept` made, on each whole or not at all. `flags` as in `send`. */
  broadcast(handles: readonly number[], data: Payload, flags = 0): Broadcast {
    const { exports, memory, self, stage } = this.#context.core;
    const place = (stage + 3) & ~3;
    const offset = place - stage + 4 * handles.length;
    const size = offset > this.#context.limits.stageBuffer ? -1 : this.#context.stage(data, offset);
    if (size < 0) return { taken: TOO_LARGE, results: NO_RESULTS };
    memory.writeU32(place, handles);
    const all = (typeof data === "string" ? SendFlag.TEXT : SendFlag.BINARY) | flags;
    this.#context.pump.queueSettle();
    const taken = exports.twc_ws_broadcast(self, place, handles.length, all, stage + offset, size);
    return { taken, results: taken < 0 ? NO_RESULTS : memory.readI32(place, handles.length) };
  }

  /** RFC 6455 10.6: wss: is TLS. */
  #secureBy(endpoint: Endpoint, url: string): void {
    endpoint.tls = /^wss:/i.test(url) ? (endpoint.tls ?? {}) : undefined;
  }
}
