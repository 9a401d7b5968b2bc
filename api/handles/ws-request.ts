import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { report } from "../../wasm/report.ts";
import type { CheckedOptions } from "./ws-options.ts";

/** What the application adds to the handshake request of one WebSocket, attempt by attempt. */
export class WsRequest {
  readonly #options: CheckedOptions;
  readonly #address: string;
  #renewing = false;

  constructor(options: CheckedOptions, address: string) {
    this.#options = options;
    this.#address = address;
  }

  /** Adds it to the request of a handle that was just opened. Returns 0 or an error number. */
  begin(engine: Engine, handle: number): number {
    let result = this.#addHeaders(engine, handle);
    for (const name of this.#options.protocols) {
      if (result >= 0) result = engine.wsProtocol(handle, name);
    }
    return result;
  }

  /**
   * Another attempt will come: asks the application for its headers, once for all that is told of the end in this turn.
   * What it throws is reported as an uncaught exception, and the headers stay as they were.
   */
  renew(engine: Engine, handle: number): void {
    if (!this.#options.fresh || this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => {
      this.#renewing = false;
      try {
        const headers = this.#options.headers();
        if (headers === undefined) throw this.#refusal("ERR_ARGUMENT", "headers are names with texts");
        if (engine.wsClearHeaders(handle) < 0) return; /* closed in the meantime */
        if (this.#addHeaders(engine, handle, headers) < 0) throw this.#refusal("ERR_HEADER");
      } catch (error) {
        report(error);
      }
    });
  }

  #addHeaders(engine: Engine, handle: number, headers = this.#options.headers() ?? []): number {
    const { auth } = this.#options;
    let result = auth === undefined ? 0 : engine.wsBasicAuth(handle, auth.user, auth.password);
    for (const [name, value] of headers) {
      if (result >= 0) result = engine.wsHeader(handle, name, value);
    }
    return result;
  }

  #refusal(code: ErrorCode, reason?: string): TwinwireError {
    return new TwinwireError(code, { step: "handshake", address: this.#address, reason });
  }
}
