import type { Ending } from "../../wasm/endpoint.ts";
import { StreamText } from "../../wasm/stream-text.ts";
import { Channel, Form } from "./channel.ts";
import { EventContext } from "./context.ts";
import { DoorEndpoint } from "./endpoint.ts";
import type { NetByteEvents, NetEvents } from "./events.ts";

/** A stream and datagrams are text for all but those who ask for bytes. */
const AS_TEXT = Form.TYPED | Form.PLAIN | Form.TEXT;

/** A TCP connection of the handle door. */
export class TcpEndpoint extends DoorEndpoint<{ sock: number }> {
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
    else this.#decoder = undefined; /* half a character is nothing to one who comes later */
    if (channel.wants(Form.BYTES)) bytes = { data: context.bytes };
    channel.tell(context, text, text, bytes);
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

  /** A stream that ends inside a character says so, as every decoder does. */
  #endText(): void {
    const channel = this.#data;
    const data = this.#decoder?.end() ?? "";
    if (data === "" || channel === undefined) return;
    channel.tell(this.context(), { data }, { data });
  }
}

/** A UDP socket of the handle door. */
export class UdpEndpoint extends DoorEndpoint<{ sock: number }> {
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
    channel.tell(context, text, text, bytes);
    EventContext.expire(context);
  }

  protected override self(): { sock: number } {
    return { sock: this.handle };
  }
}
