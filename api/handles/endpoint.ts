import { FOREVER, type Kind } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { Disconnect, Failure } from "./events.ts";
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
