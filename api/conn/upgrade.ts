import { Errors } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import { atEndOfTurn } from "../../wasm/turn.ts";
import { show } from "../internal/arguments.ts";
import type { Stream } from "./stream.ts";
import { Waiter } from "./waiting.ts";

/**
 * TLS that begins on an open stream, RFC 3207 and its like. What was written before it leaves in the clear, what is written
 * behind it waits.
 */
export class Upgrade extends Waiter<void> {
  readonly #stream: Stream;
  readonly #name: string;
  readonly #options: TlsOptions;
  #begun = false;
  #over = false;

  constructor(stream: Stream, name: string, options: TlsOptions) {
    super();
    this.#stream = stream;
    this.#name = name;
    this.#options = options;
  }

  /** Settled when TLS is established, was refused, or failed. */
  run(signal: AbortSignal | undefined): Promise<void> {
    if (typeof this.#name !== "string") {
      this.#refuse(this.#stream.fault("ERR_ARGUMENT", { step: "tls", reason: `host ${show(this.#name)}` }));
    } else if (signal?.aborted) {
      this.#refuse(this.#aborted(signal));
    } else {
      this.until(signal, () => this.giveUp(this.#aborted(signal)));
      this.#stream.outbox.hold(() => this.#begin()).catch((error: TwinwireError) => this.giveUp(error));
    }
    return this.promise;
  }

  override reject(error: TwinwireError): void {
    this.#over = true;
    super.reject(error);
  }

  /** Ends the attempt. Half a handshake can't be taken back: then the connection ends with it. */
  giveUp(error: TwinwireError): void {
    if (this.#begun) this.#stream.fail(error);
    else this.#refuse(error);
  }

  /** The engine has all that goes out in the clear. `again`: it had not left at the end of that turn. */
  #begin(again = false): void {
    if (this.#over) {
      this.#stream.outbox.release();
      return;
    }
    const { engine, handle, inbox } = this.#stream;
    if (engine.buffered(handle) > 0) {
      /* Mostly it leaves at the end of this turn, so that TLS begins before the peer can answer with it. If not, nothing
         tells of it. */
      if (again) setTimeout(() => this.#begin(true), 1);
      else atEndOfTurn(() => this.#begin(true));
      return;
    }
    /* The core knows of bytes that were not consumed; those that a readExact has put aside are known here. */
    const result =
      inbox.size > 0 ? Errors.ERR_TLS_BUFFERED.value : engine.startTls(this.#stream, this.#name, this.#options);
    if (result < 0) this.#refuse(this.#stream.fault(result, { step: "tls", cause: engine.cause }));
    else this.#begun = true;
  }

  /** Nothing has happened yet: the stream lives on in the clear. */
  #refuse(error: TwinwireError): void {
    if (this.#over) return;
    this.reject(error);
    this.#stream.upgradeRefused();
  }

  #aborted(signal: AbortSignal | undefined): TwinwireError {
    return this.#stream.fault("ERR_ABORTED", { step: "tls", cause: signal?.reason });
  }
}
