import { EventFlag, FOREVER, Kind } from "../../wasm/abi.gen.ts";
import type { Ending } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { Joiner } from "../../wasm/joiner.ts";
import { asciiText, utf8Text } from "../../wasm/text.ts";
import { Channel, Form } from "./channel.ts";
import { EventContext } from "./context.ts";
import { DoorEndpoint } from "./endpoint.ts";
import type { WsByteEvents, WsEvents, WsListenerEvents } from "./events.ts";
import type { WsRequest } from "./ws-request.ts";

const WHOLE = EventFlag.FIRST | EventFlag.FINAL;

/** A WebSocket of the handle door. */
export class WsEndpoint extends DoorEndpoint<{ conn: number }> {
  #message: Channel | undefined;
  #closing: Channel | undefined;
  #ping: Channel | undefined;
  #pong: Channel | undefined;
  /** The parts of the message that is coming in. */
  #joiner: Joiner | undefined;
  readonly #request: WsRequest;

  constructor(engine: Engine, address: string, request: WsRequest) {
    super(engine, Kind.WS, address);
    this.#request = request;
  }

  override channel(event: string): Channel | undefined {
    switch (event) {
      case "message":
        this.#message ??= new Channel();
        return this.#message;
      case "closing":
        this.#closing ??= new Channel();
        return this.#closing;
      case "ping":
        this.#ping ??= new Channel();
        return this.#ping;
      case "pong":
        this.#pong ??= new Channel();
        return this.#pong;
      default:
        return super.channel(event);
    }
  }

  override message(at: number, size: number, flags: number): void {
    const channel = this.#message;
    if (channel === undefined) return;
    if ((flags & WHOLE) === WHOLE) this.#whole(channel, at, size, flags);
    else this.#part(channel, at, size, flags);
  }

  override disconnected(ending: Ending): void {
    this.#joiner = undefined;
    if (ending.retryMs !== FOREVER) this.#request.renew(this.engine, this.handle);
    super.disconnected(ending);
  }

  override error(make: () => TwinwireError, retryMs: number): void {
    if (retryMs !== FOREVER) this.#request.renew(this.engine, this.handle);
    super.error(make, retryMs);
  }

  override closing(code: number, at: number, size: number): void {
    if (!this.#closing?.wants(Form.PLAIN)) return;
    const reason = this.engine.memory.utf8(at, size);
    const event: WsListenerEvents["closing"] = { conn: this.handle, code, reason };
    this.#closing.tell(this.context(), undefined, event);
  }

  override ping(at: number, size: number): void {
    this.#control(this.#ping, at, size);
  }

  override pong(at: number, size: number): void {
    this.#control(this.#pong, at, size);
  }

  protected override self(): { conn: number } {
    return { conn: this.handle };
  }

  #whole(channel: Channel, at: number, size: number, flags: number): void {
    const { memory } = this.engine;
    const binary = (flags & EventFlag.TEXT) === 0;
    const context = new EventContext(this.handle, binary, memory, at, size);
    let text = "";
    if (wantsText(channel, binary)) {
      text = (flags & EventFlag.ASCII) !== 0 ? memory.ascii(at, size) : memory.utf8(at, size);
    }
    tellMessage(channel, text, context);
    EventContext.expire(context);
  }

  #part(channel: Channel, at: number, size: number, flags: number): void {
    if ((flags & EventFlag.FIRST) !== 0) this.#joiner = new Joiner();
    const joiner = this.#joiner;
    if (joiner === undefined) return;
    joiner.add(this.engine.memory.view(at, size), (flags & EventFlag.ASCII) !== 0);
    if ((flags & EventFlag.FINAL) === 0) return;
    this.#joiner = undefined;
    const bytes = joiner.take();
    const binary = (flags & EventFlag.TEXT) === 0;
    const context = new EventContext(this.handle, binary, undefined, 0, 0);
    EventContext.keep(context, bytes);
    const decode = joiner.ascii ? asciiText : utf8Text;
    tellMessage(channel, wantsText(channel, binary) ? decode(bytes, 0, bytes.length) : "", context);
  }

  #control(channel: Channel | undefined, at: number, size: number): void {
    if (!channel?.wants(Form.PLAIN)) return;
    const event: WsListenerEvents["ping"] = { conn: this.handle, data: this.engine.memory.copy(at, size) };
    channel.tell(this.context(), undefined, event);
  }
}

/** Whether somebody wants a message as text: a plain function gets a binary one as bytes unless it asks for text. */
function wantsText(channel: Channel, binary: boolean): boolean {
  return channel.wants(binary ? Form.TYPED | Form.TEXT : Form.TYPED | Form.TEXT | Form.PLAIN);
}

/** Tells of a message; `text` is decoded only if somebody wants it, and at most once. So are bytes copied. */
function tellMessage(channel: Channel, text: string, context: EventContext): void {
  let struct: WsEvents["message"] | undefined;
  let plain: WsListenerEvents["message"] | undefined;
  let bytes: WsByteEvents["message"] | undefined;
  if (channel.wants(Form.TYPED | Form.TEXT)) struct = { message: text };
  if (channel.wants(Form.PLAIN)) plain = { message: context.binary ? context.bytes : text };
  if (channel.wants(Form.BYTES)) bytes = { message: context.bytes };
  channel.tell(context, struct, plain, bytes);
}
