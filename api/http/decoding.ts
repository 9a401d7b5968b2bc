/** Bodies in a content coding: gzip, deflate, br. RFC 9110 8.4 */
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultPort } from "../../wasm/host.ts";
import type { ContentCoding, ReceivedBytes } from "../../wasm/port-types.ts";
import { callSafely } from "../../wasm/report.ts";
import { type Body, type BodySource, bodyEnds, newBody } from "./body.ts";

const codings: Readonly<Record<string, ContentCoding>> = {
  gzip: "gzip",
  "x-gzip": "gzip",
  deflate: "deflate",
  br: "br",
};

/** The codings that a client can decode, as an Accept-Encoding field has them. */
export const ACCEPTED = "gzip, deflate, br";

/** Whether this host can decode. @throws TwinwireError ERR_UNSUPPORTED if it can't. */
export function checkDecoding(operation: string): void {
  if (defaultPort().decode !== undefined) return;
  const problem = "this host has no zlib to decompress with";
  throw new TwinwireError("ERR_UNSUPPORTED", { operation, problem, remedy: "leave decompress out" });
}

/**
 * Returns a body without its content codings; the body itself if it has none, or one that is not known.
 *
 * @param most the bytes that it may be decoded to: ERR_BODY_TOO_LARGE above.
 */
export function decoded(body: Body, contentEncoding: string | undefined, most: number): Body {
  const names = (contentEncoding ?? "").split(",").map((name) => name.trim().toLowerCase());
  const known = names.map((name) => codings[name]).filter((coding) => coding !== undefined);
  if (known.length !== names.length || bodyEnds.isOver(body)) return body;
  const source = new DecodedSource(body, known.reverse(), most);
  source.target = newBody(source, false);
  return source.target;
}

/** Pulls from a body as much as readers of the decoded one ask for. */
class DecodedSource implements BodySource {
  /** The decoded body. */
  target: Body | undefined;
  readonly #body: Body;
  readonly #codings: readonly ContentCoding[];
  readonly #most: number;
  #iterator: AsyncIterator<ReceivedBytes> | undefined;
  #size = 0;
  /** Calls that wait for a part. */
  #awaited = 0;
  #pulling = false;

  constructor(body: Body, codings: readonly ContentCoding[], most: number) {
    this.#body = body;
    this.#codings = codings;
    this.#most = most;
  }

  consumed(): void {}

  wanted(): void {}

  awaited(): void {
    this.#awaited += 1;
    if (!this.#pulling) void this.#pull();
  }

  abandoned(): void {
    this.#body.cancel();
    const iterator = this.#iterator;
    if (iterator !== undefined)
      callSafely(
        () => iterator.return?.(),
        () => {},
      );
  }

  fault(reason: string): TwinwireError {
    return bodyEnds.sourceOf(this.#body).fault(reason);
  }

  notJson(cause: unknown): TwinwireError {
    return bodyEnds.sourceOf(this.#body).notJson(cause);
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    const target = this.target as Body;
    try {
      for (; this.#awaited > 0; this.#awaited--) {
        const { done, value } = await this.#next();
        if (done) {
          bodyEnds.end(target, this.#body.trailers, undefined);
          return;
        }
        this.#size += value.length;
        if (this.#size > this.#most) throw this.#error("ERR_BODY_TOO_LARGE", undefined);
        bodyEnds.push(target, value);
      }
    } catch (cause) {
      bodyEnds.end(target, [], cause instanceof TwinwireError ? cause : this.#error("ERR_HTTP_CODING", cause));
      this.abandoned();
    } finally {
      this.#pulling = false;
    }
  }

  async #next(): Promise<IteratorResult<ReceivedBytes, undefined>> {
    if (this.#iterator === undefined) {
      const first = await this.#body.next();
      /* RFC 9110 9.3.2: a response to HEAD names a coding, too. */
      if (first === undefined) return { done: true, value: undefined };
      let parts: AsyncIterable<ReceivedBytes> = after(first, this.#body);
      for (const coding of this.#codings) parts = defaultPort().decode?.(coding, parts) ?? parts;
      this.#iterator = parts[Symbol.asyncIterator]();
    }
    return this.#iterator.next() as Promise<IteratorResult<ReceivedBytes, undefined>>;
  }

  #error(code: "ERR_BODY_TOO_LARGE" | "ERR_HTTP_CODING", cause: unknown): TwinwireError {
    const reason =
      cause === undefined ? `decompressed, it is larger than ${this.#most} bytes` : `content-encoding ${this.#codings}`;
    return new TwinwireError(code, { step: "receive", reason, cause });
  }
}

async function* after(first: ReceivedBytes, rest: Body): AsyncGenerator<ReceivedBytes, void, undefined> {
  yield first;
  yield* rest;
}
