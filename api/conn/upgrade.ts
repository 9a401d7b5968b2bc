import { Errors } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import { show } from "../handles/arguments.ts";
import type { Stream } from "./stream.ts";
import { Waiter } from "./waiting.ts";

/** TLS that begins on an open stream, RFC 3207 and its like. */
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
    if (signal?.aborted) this.#refuse(this.#aborted(signal));
    else {
      this.until(signal, () => this.giveUp(this.#aborted(signal)));
      this.#begin().catch((error: TwinwireError) => this.#refuse(error));
    }
    return this.promise;
  }

  override reject(error: TwinwireError): void {
    this.#over = true;
    super.reject(error);
  }

  async #begin(): Promise<void> {
    const stream = this.#stream;
    if (typeof this.#name !== "string") {
      throw stream.fault("ERR_ARGUMENT", { step: "tls", reason: `host ${show(this.#name)}` });
    }
    if (stream.phase === "opening") await stream.opened;
    await this.#flushed();
    if (this.#over) return;
    if (stream.phase !== "open") throw stream.fault("ERR_STATE", { step: "tls", reason: "the connection has ended" });
    /* The core knows of bytes that were not consumed; those that a readExact has put aside are known here. */
    const result =
      stream.inbox.size > 0 ? Errors.ERR_TLS_BUFFERED.value : stream.engine.startTls(stream, this.#name, this.#options);
    if (result < 0) throw stream.fault(result, { step: "tls", cause: stream.engine.cause });
    this.#begun = true;
    stream.outbox.setOpen(false);
  }

  /** All that was written has left. Mostly it has: the peer has answered to it. Nothing tells of it otherwise. */
  async #flushed(): Promise<void> {
    const stream = this.#stream;
    while (
      !this.#over &&
      stream.phase === "open" &&
      (stream.outbox.waiting || stream.engine.buffered(stream.handle) > 0)
    ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Nothing has happened yet: the stream lives on in the clear. */
  #refuse(error: TwinwireError): void {
    if (this.#over) return;
    this.#stream.upgradeRefused();
    this.reject(error);
  }

  /** Ends the attempt. Half a handshake can't be taken back: then the connection ends with it. */
  giveUp(error: TwinwireError): void {
    if (this.#begun) this.#stream.fail(error);
    else this.#refuse(error);
  }

  #aborted(signal: AbortSignal | undefined): TwinwireError {
    return this.#stream.fault("ERR_ABORTED", { step: "tls", cause: signal?.reason });
  }
}
