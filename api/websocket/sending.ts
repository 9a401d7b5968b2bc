import { TwinwireError } from "../../wasm/errors.ts";
import { utf8Size } from "../../wasm/text.ts";
import { type Bytes, show, toPayload } from "../internal/arguments.ts";
import { Fragments, Whole } from "./outgoing.ts";
import { ReadyState, type Session } from "./session.ts";

type Data = string | Uint8Array | Blob;

/** What an application sends, by the state of the session. */
export class Sending {
  readonly #session: Session;
  #fragments: Fragments | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  send(given: unknown): void {
    const session = this.#session;
    const { outbound, readyState, options } = session;
    const data = dataOf(given);
    if (readyState === ReadyState.CONNECTING) {
      this.#queueOffline(data);
    } else if (readyState > ReadyState.OPEN) {
      outbound.lose(sizeOf(data));
    } else if (data instanceof Blob) {
      outbound.add(new Whole(data, false));
    } else {
      outbound.send(data);
    }
    if (readyState === ReadyState.OPEN && outbound.queued > options.maxBuffered) {
      session.link?.fail(session.fault("ERR_BACKPRESSURE", "more than maxBuffered waits to be sent"), 0);
    }
  }

  sendAsync(given: unknown, signal: AbortSignal | undefined): Promise<void> {
    const session = this.#session;
    if (session.readyState > ReadyState.OPEN) return Promise.reject(session.fault("ERR_STATE", "it is closed"));
    if (signal?.aborted) return Promise.reject(aborted(signal));
    if (isAsyncIterable(given)) return this.#sendParts(given, signal);
    const item = new Whole(dataOf(given), true, true);
    const { waiter } = item;
    waiter?.until(signal, () => {
      if (session.outbound.remove(item)) item.reject(aborted(signal));
    });
    session.outbound.add(item);
    return waiter?.promise ?? Promise.resolve();
  }

  async sendFragment(given: string | Bytes, final: boolean): Promise<void> {
    const session = this.#session;
    if (session.readyState > ReadyState.OPEN) throw session.fault("ERR_STATE", "it is closed");
    const data = payloadOf(given);
    this.#fragments ??= new Fragments();
    const fragments = this.#fragments;
    if (final) this.#fragments = undefined;
    try {
      await session.outbound.give(fragments, data, final);
    } catch (error) {
      if (this.#fragments === fragments) this.#fragments = undefined;
      throw error;
    }
  }

  /** Text and bytes are copied: they may be changed meanwhile. */
  #queueOffline(data: Data): void {
    const { outbound, options } = this.#session;
    if (options.offlineBytes === 0) throw new DOMException("send: it is not open yet", "InvalidStateError");
    if (outbound.queued + sizeOf(data) > options.offlineBytes) {
      throw this.#session.fault("ERR_BACKPRESSURE", `the offline queue holds ${options.offlineBytes} bytes`);
    }
    outbound.add(new Whole(data, true));
  }

  async #sendParts(parts: AsyncIterable<string | Bytes>, signal: AbortSignal | undefined): Promise<void> {
    const { outbound } = this.#session;
    const fragments = new Fragments();
    outbound.add(fragments); /* its place is here, whenever its first part comes */
    const stop = (): void => outbound.failed(fragments, signal?.reason, "ERR_ABORTED");
    signal?.addEventListener("abort", stop, { once: true });
    const iterator = parts[Symbol.asyncIterator]();
    try {
      /* It may take its time; that the connection has ended is not to wait for it. */
      const next = (): Promise<IteratorResult<string | Bytes>> => Promise.race([iterator.next(), fragments.over]);
      for (let step = await next(); !step.done; step = await next()) {
        await outbound.give(fragments, payloadOf(step.value), false);
      }
      await outbound.give(fragments, fragments.isText === false ? new Uint8Array(0) : "", true);
    } catch (error) {
      /* What was sent of it can't be taken back: the connection ends with an unfinished message. */
      outbound.failed(fragments, error, "ERR_ABORTED");
      iterator.return?.()?.catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}

function aborted(signal: AbortSignal | undefined): TwinwireError {
  return new TwinwireError("ERR_ABORTED", { step: "send", cause: signal?.reason });
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string | Bytes> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** As Web IDL converts what `send` is given. */
function dataOf(given: unknown): Data {
  return given instanceof Blob ? given : (toPayload(given) ?? `${given}`);
}

function sizeOf(data: Data): number {
  return data instanceof Blob ? data.size : typeof data === "string" ? utf8Size(data) : data.length;
}

function payloadOf(given: unknown): string | Uint8Array {
  const payload = toPayload(given);
  if (payload !== undefined) return payload;
  throw new TwinwireError("ERR_ARGUMENT", { step: "send", reason: `a fragment is text or bytes, not ${show(given)}` });
}
