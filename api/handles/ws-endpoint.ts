/** WebSockets of the handle API: the options of `ws.open`, and the endpoint that delivers events. */
import { type ErrorCode, EventFlag, FOREVER, Kind, SendFlag } from "../../wasm/abi.gen.ts";
import type { Ending } from "../../wasm/endpoint.ts";
import type { Engine, Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { asciiText, utf8Bytes, utf8Text } from "../../wasm/text.ts";
import { Codec, type Compression, type DeflateOptions, deflateRule, ImmediateCompressor } from "../internal/deflate.ts";
import { closeCodeOf, MessageReceiver, type MessageSink, type ReceivedMessage, WINDOW } from "../internal/messages.ts";
import { complete, listOf, OptionSet, text, tlsOptions } from "../internal/options.ts";
import {
  type HeaderPairs,
  type HeadersFunction,
  headerPairs,
  headersRule,
  type WsHeaders,
} from "../internal/websocket.ts";
import { HandleEndpoint } from "./endpoints.ts";
import type { WsByteEvents, WsEvents, WsListenerEvents } from "./events.ts";
import { type Channel, type Channels, EventContext, type EventName, Form } from "./listeners.ts";

/** The options of `ws.open`. An unknown name is an error. */
export interface WsOpenOptions {
  /**
   * Header fields of the handshake. A function is called for each attempt: inside `ws.open`, and right after an attempt
   * failed or the connection dropped, so that it can return a fresh token. If it throws or returns no headers inside
   * `ws.open`, that returns -1 with ERR_CALLBACK; later, `error` is emitted with that code and the last headers are used.
   */
  headers?: WsHeaders | (() => WsHeaders);
  /** Credentials for an `Authorization: Basic` header, RFC 7617. At most 255 bytes each; `user` has no colon. */
  auth?: { readonly user: string; readonly password: string };
  /** Subprotocols to offer, in order of preference. */
  protocols?: string | readonly string[];
  /** TLS options, for `wss:` only. Default: the server is verified for the URL's host, by the machine's authorities. */
  tls?: TlsOptions;
  /**
   * Offers compression (permessage-deflate, RFC 7692). Where it is agreed upon, received messages are inflated, and messages
   * of `threshold` bytes and more are compressed within `ws.send`. Default: false.
   */
  deflate?: boolean | DeflateOptions;
}

/** The same, checked and copied. */
interface RequestOptions {
  readonly headers?: HeaderPairs | HeadersFunction | undefined;
  readonly auth?: Required<Credentials> | undefined;
  readonly protocols?: readonly string[] | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly deflate?: Compression | undefined;
}

interface Credentials {
  readonly user?: string;
  readonly password?: string;
}

const names = listOf(text, "a string or a list of strings");

const requestOptions = new OptionSet<RequestOptions>({
  headers: headersRule,
  auth: complete(new OptionSet<Credentials>({ user: text, password: text })),
  protocols: (given, path) => (typeof given === "string" ? [given] : names(given, path)),
  tls: tlsOptions.rule,
  deflate: deflateRule,
});

/** What an application adds to the handshakes of one WebSocket. */
export class WsRequest {
  readonly #options: RequestOptions;
  readonly #address: string;
  #renewing = false;

  /**
   * @param address the URL without its query.
   * @throws TwinwireError ERR_ARGUMENT for options that can't be used.
   */
  constructor(url: string, address: string, given: unknown) {
    this.#options = requestOptions.read("ws.open", given);
    this.#address = address;
    /* To connect without TLS where TLS options were given would be worse than to refuse. */
    if (this.tls === undefined || /^wss:/i.test(url)) return;
    const problem = "the option tls has no meaning for a URL that is not wss:";
    const remedy = "write wss:, or leave tls out";
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", operation: "ws.open", problem, remedy });
  }

  get tls(): TlsOptions | undefined {
    return this.#options.tls;
  }

  get compression(): Compression | undefined {
    return this.#options.deflate;
  }

  /** Returns the header fields of the next attempt. @throws TwinwireError ERR_CALLBACK if the function fails. */
  headers(): HeaderPairs {
    const { headers = [] } = this.#options;
    if (typeof headers !== "function") return headers;
    let cause: unknown;
    try {
      const pairs = headerPairs(headers());
      if (pairs !== undefined) return pairs;
    } catch (error) {
      cause = error;
    }
    const reason = cause === undefined ? "headers must return names with strings" : "headers";
    throw new TwinwireError("ERR_CALLBACK", { step: "handshake", address: this.#address, reason, cause });
  }

  /** Adds all of it to the request of a handle that was just opened. Returns 0 or an error number. */
  begin(engine: Engine, handle: number, headers: HeaderPairs): number {
    let result = this.#add(engine, handle, headers);
    for (const name of this.#options.protocols ?? []) {
      if (result >= 0) result = engine.ws.addProtocol(handle, name);
    }
    return result;
  }

  /**
   * Another attempt follows: calls the application's function for its headers, once all listeners were called.
   *
   * @param failed called with what is wrong with the headers; those of the last attempt stay.
   */
  renew(engine: Engine, handle: number, failed: (error: TwinwireError) => void): void {
    if (typeof this.#options.headers !== "function" || this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => {
      this.#renewing = false;
      try {
        const headers = this.headers();
        if (engine.ws.clearHeaders(handle) < 0) return; /* closed in the meantime */
        if (this.#add(engine, handle, headers) >= 0) return;
        throw new TwinwireError("ERR_HEADER", { step: "handshake", address: this.#address });
      } catch (error) {
        failed(error as TwinwireError);
      }
    });
  }

  #add(engine: Engine, handle: number, headers: HeaderPairs): number {
    const { auth } = this.#options;
    let result = auth === undefined ? 0 : engine.ws.addBasicAuth(handle, auth.user, auth.password);
    for (const [name, value] of headers) {
      if (result >= 0) result = engine.ws.addHeader(handle, name, value);
    }
    return result;
  }
}

/** The events of a WebSocket. */
export const WS_EVENTS: readonly EventName[] = [
  "connected",
  "disconnected",
  "message",
  "drain",
  "error",
  "closing",
  "ping",
  "pong",
];

/** What a WebSocket is made of besides its address. */
export interface WsParts {
  /** What its handshakes consist of, if it is a client. */
  readonly request?: WsRequest | undefined;
  /** The channels of its server, if a server accepted it. */
  readonly server?: Channels | undefined;
  readonly compression: Compression | undefined;
  /** Bytes that a received message may inflate to. Default: `limits().maxMessage`. */
  readonly maxMessage?: number | undefined;
}

/** A WebSocket of the handle API. */
export class WsEndpoint extends HandleEndpoint<{ conn: number }> implements MessageSink {
  readonly #parts: WsParts;
  /** Made when a message comes in parts, or compression was agreed upon. */
  #inbound: MessageReceiver | undefined;
  /** While compression is agreed upon. */
  #compressor: ImmediateCompressor | undefined;
  /** Whether the core has a window and is to be given credit. */
  #windowed = false;
  /** From `connected` to `disconnected`. */
  #open = false;
  /** Called at its end. */
  onEnd: (() => void) | undefined;

  constructor(engine: Engine, address: string, parts: WsParts) {
    super(engine, Kind.WS, address, parts.server);
    this.wasAccepted = parts.server !== undefined;
    this.#parts = parts;
  }

  protected override get events(): readonly EventName[] {
    return WS_EVENTS;
  }

  override connected(): void {
    const { compression } = this.#parts;
    const parameters = compression === undefined ? 0 : this.engine.ws.deflate(this.handle);
    const host = this.engine.deflateHost;
    this.#open = true;
    if (compression !== undefined && parameters > 0 && host !== undefined) {
      this.#inbound = this.#newInbound(new Codec(host, parameters, compression, this.wasAccepted));
      this.#compressor = new ImmediateCompressor(host, parameters, compression, this.wasAccepted);
      /* While messages wait to be inflated, no more are received. */
      this.engine.setWindow(this.handle, WINDOW);
      this.#windowed = true;
    } else if (this.wasAccepted) {
      this.engine.setWindow(this.handle, 0); /* that of the HTTP request */
    }
    super.connected();
  }

  /** Queues a message, or a fragment by its `SendFlag`s. Returns the bytes of the payload, or an error number. */
  send(payload: Payload, fragment: number): number {
    const compressor = fragment === 0 ? this.#compressor : undefined;
    if (compressor === undefined) return this.engine.ws.send(this.handle, payload, fragment);
    const bytes = typeof payload === "string" ? utf8Bytes(payload) : payload;
    const compressed = compressor.compress(bytes);
    if (compressed === undefined) return this.engine.ws.send(this.handle, payload);
    const kind = typeof payload === "string" ? SendFlag.TEXT : SendFlag.BINARY;
    const result = this.engine.ws.send(this.handle, compressed, kind | SendFlag.COMPRESSED);
    if (result < 0) return result;
    compressor.sent(bytes);
    return bytes.length;
  }

  override message(at: number, size: number, flags: number): void {
    if (!MessageReceiver.isWhole(flags)) this.#inbound ??= this.#newInbound(undefined);
    if (this.#inbound?.isDirect(flags) === false) {
      this.#inbound.add(at, size, flags);
      return;
    }
    const { message } = this.channels;
    if (message !== undefined) this.#whole(message, at, size, flags);
    if (this.#windowed) this.engine.consumed(this.handle, size);
  }

  /** As `MessageSink`. */
  hasRoom(): boolean {
    return true;
  }

  /** As `MessageSink`. */
  take({ bytes, flags, text, credit }: ReceivedMessage): void {
    const channel = this.channels.message;
    if (channel !== undefined) {
      const binary = (flags & EventFlag.TEXT) === 0;
      const context = new EventContext(this.handle, binary, undefined, 0, 0);
      EventContext.keep(context, bytes);
      const decode = (flags & EventFlag.ASCII) !== 0 ? asciiText : utf8Text;
      emitMessage(channel, wantsText(channel, binary) ? (text ?? decode(bytes, 0, bytes.length)) : "", context);
    }
    if (this.#windowed) this.engine.consumed(this.handle, credit);
  }

  /** As `MessageSink`. */
  broken(code: ErrorCode, cause: unknown): void {
    const { address } = this;
    super.error(() => new TwinwireError(code, { step: "receive", address, cause }), FOREVER);
    if (!this.released) this.engine.ws.close(this, closeCodeOf(code), "");
  }

  override disconnected(ending: Ending): void {
    const inbound = this.#inbound;
    this.#inbound = undefined;
    this.#compressor = undefined;
    this.#open = false;
    if (ending.retryMs !== FOREVER) this.#renew();
    inbound?.end();
    if (inbound === undefined) this.#end(ending);
    else inbound.after(() => this.#end(ending));
    inbound?.after(() => inbound.close());
  }

  override error(make: () => TwinwireError, retryMs: number): void {
    /* An open connection has its `disconnected` yet to come. */
    if (retryMs !== FOREVER && !this.#open) this.#renew();
    super.error(make, retryMs);
  }

  override closing(code: number, at: number, size: number): void {
    if (!this.channels.closing?.wants(Form.PLAIN)) return;
    const reason = this.engine.memory.utf8(at, size);
    const event: WsListenerEvents["closing"] = { conn: this.handle, code, reason };
    const emit = (): void => this.channels.closing?.emit(this.context(), undefined, event);
    if (this.#inbound === undefined) emit();
    else this.#inbound.after(emit);
  }

  override ping(at: number, size: number): void {
    this.#control(this.channels.ping, at, size);
  }

  override pong(at: number, size: number): void {
    this.#control(this.channels.pong, at, size);
  }

  protected override self(): { conn: number } {
    return { conn: this.handle };
  }

  #end(ending: Ending): void {
    super.disconnected(ending);
    this.onEnd?.();
  }

  #whole(channel: Channel, at: number, size: number, flags: number): void {
    const { memory } = this.engine;
    const binary = (flags & EventFlag.TEXT) === 0;
    const context = new EventContext(this.handle, binary, memory, at, size);
    let text = "";
    if (wantsText(channel, binary)) {
      text = (flags & EventFlag.ASCII) !== 0 ? memory.ascii(at, size) : memory.validUtf8(at, size);
    }
    emitMessage(channel, text, context);
    EventContext.expire(context);
  }

  /** Asks the application for the headers of the attempt that follows. */
  #renew(): void {
    this.#parts.request?.renew(this.engine, this.handle, (error) => super.error(() => error, FOREVER));
  }

  #newInbound(codec: Codec | undefined): MessageReceiver {
    return new MessageReceiver(this, this.#parts.maxMessage ?? this.engine.limits.maxMessage, codec);
  }

  #control(channel: Channel | undefined, at: number, size: number): void {
    if (!channel?.wants(Form.PLAIN)) return;
    const event: WsListenerEvents["ping"] = { conn: this.handle, data: this.engine.memory.copy(at, size) };
    channel.emit(this.context(), undefined, event);
  }
}

/** Whether a listener wants a message as text. A plain function gets a binary one as bytes unless it asks for text. */
function wantsText(channel: Channel, binary: boolean): boolean {
  return channel.wants(binary ? Form.TYPED | Form.TEXT : Form.TYPED | Form.TEXT | Form.PLAIN);
}

/** Emits a message. `text` is decoded, and bytes are copied, only if a listener wants them, and once. */
function emitMessage(channel: Channel, text: string, context: EventContext): void {
  let struct: WsEvents["message"] | undefined;
  let plain: WsListenerEvents["message"] | undefined;
  let bytes: WsByteEvents["message"] | undefined;
  if (channel.wants(Form.TYPED | Form.TEXT)) struct = { message: text };
  if (channel.wants(Form.PLAIN)) plain = { message: context.binary ? context.bytes : text };
  if (channel.wants(Form.BYTES)) bytes = { message: context.bytes };
  channel.emit(context, struct, plain, bytes);
}
