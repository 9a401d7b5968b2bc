import { FOREVER, type Kind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { type AnyListener, Channel } from "./channel.ts";
import { EventContext } from "./context.ts";
import type { EventType } from "./define-event.ts";
import type { Disconnect, Failure } from "./events.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * A handle of this door: listeners by event. `S` is how its structs name the handle: `{ sock }` or `{ conn }`.
 */
export abstract class DoorEndpoint<S extends object> extends Endpoint {
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

  /** Binds a declared type to an event that this kind of handle has. */
  bind(event: string, type: EventType<never>): void {
    this.channel(event)?.bind(type);
  }

  /** Adds a plain function. Returns whether this kind of handle has the event. */
  listen(event: string, listener: AnyListener, binary: boolean): boolean {
    const channel = this.channel(event);
    if (binary) channel?.listenBytes(listener);
    else channel?.listen(listener);
    return channel !== undefined;
  }

  override connected(): void {
    const channel = this.#connected;
    if (channel === undefined) return;
    const context = this.context();
    if (channel.typed) channel.tellTyped(this.self(), context);
    if (channel.plain) channel.tellPlain(this.self(), context);
  }

  override disconnected({ code, clean, unsent, retryMs }: Ending): void {
    const channel = this.#disconnected;
    if (channel === undefined) return;
    const context = this.context();
    if (channel.typed) channel.tellTyped(this.self(), context);
    if (!channel.plain) return;
    const retry = retryMs === FOREVER ? -1 : retryMs;
    const event: S & Disconnect = { ...this.self(), code: Math.max(0, code), clean, unsent, retryMs: retry };
    channel.tellPlain(event, context);
  }

  override drain(): void {
    if (this.#drain?.plain) this.#drain.tellPlain(this.self(), this.context());
  }

  override error(make: () => TwinwireError): void {
    if (!this.#error?.plain) return;
    const error = make();
    const event: S & Failure = { ...this.self(), code: error.code, message: error.message, error };
    this.#error.tellPlain(event, this.context());
  }

  /** The context of an event without bytes. */
  protected context(): EventContext {
    const context = new EventContext(this.handle, false, undefined, 0, 0);
    EventContext.keep(context, NO_BYTES);
    return context;
  }
}
