import { AddressOf, Kind } from "../../wasm/abi.gen.ts";
import type { Ending, Endpoint } from "../../wasm/endpoint.ts";
import { StreamText } from "../../wasm/stream-text.ts";
import { HandleEndpoint } from "./endpoint.ts";
import type { NetByteEvents, NetEvents, NetListenerEvents } from "./events.ts";
import { Channel, EventContext, Form } from "./listeners.ts";

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
    this.#endText();
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
