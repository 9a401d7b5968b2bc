/** The endpoints of sockets of the handle API: they deliver events to listeners. */
import { AddressOf, FOREVER, Kind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { StreamText } from "../../wasm/parts.ts";
import type { Disconnect, Failure, NetByteEvents, NetEvents, NetListenerEvents } from "./events.ts";
import { type Channel, Channels, EventContext, type EventName, type EventType, Form } from "./listeners.ts";

const STREAM_EVENTS: readonly EventName[] = ["connected", "disconnected", "data", "drain", "error"];
const UDP_EVENTS: readonly EventName[] = ["datagram", "drain", "error"];
const LISTENER_EVENTS: readonly EventName[] = ["connected", "disconnected", "accepted", "error"];

/** What listeners are added to: a handle, or the WebSockets of a server. */
export interface EventSource {
  readonly handle: number;
  readonly address: string;
  /** Returns the channel of an event, or `undefined` if there is no such event here. */
  channel(event: string): Channel | undefined;
  /** Checks the declaration of an event. Returns 0 or an error number. */
  bind(event: string, type: EventType<never>): number;
}

/**
 * A handle of this API: its listeners by event. `S` is the struct that names the handle: `{ sock }` or `{ conn }`.
 */
export abstract class HandleEndpoint<S extends object> extends Endpoint implements EventSource {
  readonly engine: Engine;
  /** Whether a listener accepted it. */
  wasAccepted = false;
  readonly #shared: Channels | undefined;
  #channels: Channels;

  /** `shared`: the channels of the server that accepted it. */
  constructor(engine: Engine, kind: Kind, address: string, shared?: Channels) {
    super(kind, address);
    this.engine = engine;
    this.#shared = shared;
    this.#channels = shared ?? new Channels();
  }

  /** The events of this kind of handle. */
  protected abstract get events(): readonly EventName[];

  /** The struct that names this handle. */
  protected abstract self(): S;

  protected get channels(): Channels {
    return this.#channels;
  }

  channel(event: string): Channel | undefined {
    if (!this.events.includes(event as EventName)) return undefined;
    if (this.#channels === this.#shared) this.#channels = new Channels(this.#shared);
    return this.#channels.of(event as EventName);
  }

  bind(event: string, type: EventType<never>): number {
    return this.engine.bindEvent(this.handle, event, type.signature);
  }

  /** Closes it, as the application does. Returns 0 or an error number. */
  close(): number {
    return this.engine.close(this);
  }

  override connected(): void {
    this.#channels.connected?.emit(this.context(), this.self(), this.self());
  }

  override disconnected({ code, clean, unsent, retryMs }: Ending): void {
    const retry = retryMs === FOREVER ? -1 : retryMs;
    const event: S & Disconnect = { ...this.self(), code: Math.max(0, code), clean, unsent, retryMs: retry };
    this.#channels.disconnected?.emit(this.context(), this.self(), event);
    /* It can't be opened again, so its number stands for nothing any more. */
    if (this.wasAccepted && !this.released) this.engine.close(this);
  }

  override drain(): void {
    this.#channels.drain?.emit(this.context(), undefined, this.self());
  }

  override error(make: () => TwinwireError, retryMs: number): void {
    const channel = this.#channels.error;
    if (!channel?.wants(Form.PLAIN)) return;
    const event: S & Failure = { ...this.self(), ...failureOf(make(), retryMs) };
    channel.emit(this.context(), undefined, event);
  }

  /** The context of an event without bytes. */
  protected context(): EventContext {
    return EventContext.empty(this.handle);
  }
}

/** The fields of an `error` event. `retryMs`: milliseconds to the next attempt, or `FOREVER`. */
export function failureOf(error: TwinwireError, retryMs: number): Failure {
  const failure: Failure = { code: error.code, message: error.message, error };
  if (retryMs !== FOREVER) failure.retryMs = retryMs;
  return failure;
}

/** Streams and datagrams are text unless a listener asks for bytes. */
const AS_TEXT = Form.TYPED | Form.PLAIN | Form.TEXT;

/** A TCP connection or a Unix stream of the handle API. */
export class TcpEndpoint extends HandleEndpoint<{ sock: number }> {
  /** Made when the first byte above 127 comes. */
  #decoder: StreamText | undefined;

  protected override get events(): readonly EventName[] {
    return STREAM_EVENTS;
  }

  override data(at: number, size: number, ascii: boolean): void {
    const channel = this.channels.data;
    if (channel === undefined) return;
    const context = new EventContext(this.handle, false, this.engine.memory, at, size);
    let text: NetEvents["data"] | undefined;
    let bytes: NetByteEvents["data"] | undefined;
    if (channel.wants(AS_TEXT)) text = { data: this.#text(at, size, ascii) };
    else this.#decoder = undefined; /* a listener that is added later does not start with half a character */
    if (channel.wants(Form.BYTES)) bytes = { data: context.bytes };
    channel.emit(context, text, text, bytes);
    EventContext.expire(context);
  }

  override disconnected(ending: Ending): void {
    /* After `close` only `disconnected` follows: half a character that was received before is dropped with the rest. */
    if (!this.released) this.#endText();
    super.disconnected(ending);
  }

  protected override self(): { sock: number } {
    return { sock: this.handle };
  }

  #text(at: number, size: number, ascii: boolean): string {
    const { memory } = this.engine;
    if (ascii && (this.#decoder === undefined || this.#decoder.clean)) return memory.ascii(at, size);
    this.#decoder ??= new StreamText();
    return this.#decoder.decode(memory.bytes, at, at + size);
  }

  /** Delivers U+FFFD for a stream that ends inside a character, as every decoder does. */
  #endText(): void {
    const channel = this.channels.data;
    const data = this.#decoder?.end() ?? "";
    if (data === "" || channel === undefined) return;
    channel.emit(this.context(), { data }, { data });
  }
}

/** A UDP socket of the handle API. */
export class UdpEndpoint extends HandleEndpoint<{ sock: number }> {
  protected override get events(): readonly EventName[] {
    return UDP_EVENTS;
  }

  override datagram(at: number, size: number, addr: string, port: number): void {
    const channel = this.channels.datagram;
    if (channel === undefined) return;
    const { memory } = this.engine;
    const context = new EventContext(this.handle, false, memory, at, size);
    let text: NetEvents["datagram"] | undefined;
    let bytes: NetByteEvents["datagram"] | undefined;
    if (channel.wants(AS_TEXT)) text = { data: memory.utf8(at, size), addr, port };
    if (channel.wants(Form.BYTES)) bytes = { data: context.bytes, addr, port };
    channel.emit(context, text, text, bytes);
    EventContext.expire(context);
  }

  protected override self(): { sock: number } {
    return { sock: this.handle };
  }
}

/** A listener of the handle API. */
export class ListenerEndpoint extends HandleEndpoint<{ sock: number }> {
  protected override get events(): readonly EventName[] {
    return LISTENER_EVENTS;
  }

  /** A connection that no listener of `accepted` would get is closed. */
  override accepted(handle: number): Endpoint | undefined {
    if (this.channels.accepted?.wants(Form.PLAIN) !== true) return undefined;
    const connection = new TcpEndpoint(this.engine, Kind.TCP, this.peerOf(handle));
    connection.wasAccepted = true;
    return connection;
  }

  override registered(connection: Endpoint): void {
    const event: NetListenerEvents["accepted"] = { sock: connection.handle, listener: this.handle };
    this.channels.accepted?.emit(this.context(), undefined, event);
  }

  /** The address of a new connection's peer, for error messages. */
  protected peerOf(handle: number): string {
    const peer = this.engine.address(handle, AddressOf.REMOTE);
    return typeof peer === "string" && peer !== "" ? peer : this.address;
  }

  protected override self(): { sock: number } {
    return { sock: this.handle };
  }
}
