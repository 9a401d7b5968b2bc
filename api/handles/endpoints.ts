import { AddressOf, FOREVER, Kind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { StreamText } from "../../wasm/parts.ts";
import type { Disconnect, Failure, NetByteEvents, NetEvents, NetListenerEvents } from "./events.ts";
import { Channel, EventContext, Form } from "./listeners.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * A handle of this API: its listeners by event. `S` is the struct that names the handle: `{ sock }` or `{ conn }`.
 */
export abstract class HandleEndpoint<S extends object> extends Endpoint {
  readonly engine: Engine;
  #connected: Channel | undefined;
  #disconnected: Channel | undefined;
  #drain: Channel | undefined;
  #error: Channel | undefined;

  constructor(engine: Engine, kind: Kind, address: string) {
    super(kind, address);
    this.engine = engine;
  }

  /** The struct that names this handle. */
  protected abstract self(): S;

  /** The channel of an event of this kind of handle, or `undefined` if it has no such event. */
  channel(event: string): Channel | undefined {
    switch (event) {
      case "connected":
        this.#connected ??= new Channel();
        return this.#connected;
      case "disconnected":
        this.#disconnected ??= new Channel();
        return this.#disconnected;
      case "drain":
        this.#drain ??= new Channel();
        return this.#drain;
      case "error":
        this.#error ??= new Channel();
        return this.#error;
      default:
        return undefined;
    }
  }

  override connected(): void {
    this.#connected?.emit(this.context(), this.self(), this.self());
  }

  override disconnected({ code, clean, unsent, retryMs }: Ending): void {
    const retry = retryMs === FOREVER ? -1 : retryMs;
    const event: S & Disconnect = { ...this.self(), code: Math.max(0, code), clean, unsent, retryMs: retry };
    this.#disconnected?.emit(this.context(), this.self(), event);
  }

  override drain(): void {
    this.#drain?.emit(this.context(), undefined, this.self());
  }

  override error(make: () => TwinwireError, retryMs: number): void {
    if (!this.#error?.wants(Form.PLAIN)) return;
    const error = make();
    const event: S & Failure = { ...this.self(), code: error.code, message: error.message, error };
    if (retryMs !== FOREVER) event.retryMs = retryMs;
    this.#error.emit(this.context(), undefined, event);
  }

  /** The context of an event without bytes. */
  protected context(): EventContext {
    const context = new EventContext(this.handle, false, undefined, 0, 0);
    EventContext.keep(context, NO_BYTES);
    return context;
  }
}

/** Streams and datagrams are text unless a listener asks for bytes. */
const AS_TEXT = Form.TYPED | Form.PLAIN | Form.TEXT;

/** A TCP connection or a Unix stream of the handle API. */
export class TcpEndpoint extends HandleEndpoint<{ sock: number }> {
  #data: Channel | undefined;
  /** Made when the first byte above 127 comes. */
  #decoder: StreamText | undefined;

  override channel(event: string): Channel | undefined {
    if (event !== "data") return super.channel(event);
    this.#data ??= new Channel();
    return this.#data;
  }

  override data(at: number, size: number, ascii: boolean): void {
    const channel = this.#data;
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
    const channel = this.#data;
    const data = this.#decoder?.end() ?? "";
    if (data === "" || channel === undefined) return;
    channel.emit(this.context(), { data }, { data });
  }
}

/** A UDP socket of the handle API. */
export class UdpEndpoint extends HandleEndpoint<{ sock: number }> {
  #datagram: Channel | undefined;

  override channel(event: string): Channel | undefined {
    if (event === "error" || event === "drain") return super.channel(event);
    if (event !== "datagram") return undefined;
    this.#datagram ??= new Channel();
    return this.#datagram;
  }

  override datagram(at: number, size: number, addr: string, port: number): void {
    const channel = this.#datagram;
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
  #accepted: Channel | undefined;

  override channel(event: string): Channel | undefined {
    if (event === "drain") return undefined;
    if (event !== "accepted") return super.channel(event);
    this.#accepted ??= new Channel();
    return this.#accepted;
  }

  /** A connection that no listener of `accepted` would get is closed. */
  override accepted(handle: number): Endpoint | undefined {
    if (this.#accepted?.wants(Form.PLAIN) !== true) return undefined;
    const peer = this.engine.address(handle, AddressOf.REMOTE);
    return new TcpEndpoint(this.engine, Kind.TCP, typeof peer === "string" && peer !== "" ? peer : this.address);
  }

  override registered(connection: Endpoint): void {
    const event: NetListenerEvents["accepted"] = { sock: connection.handle, listener: this.handle };
    this.#accepted?.emit(this.context(), undefined, event);
  }

  protected override self(): { sock: number } {
    return { sock: this.handle };
  }
}
