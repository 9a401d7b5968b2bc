import type { Bytes } from "../internal/arguments.ts";
import type { Conn } from "./conn.ts";

/** A connection as the two streams of the web. Each reads or writes only when it is asked to. */
export class WebStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<string | Bytes>;
  readonly #conn: Conn;
  readonly #cancelled = new AbortController();
  #open = 2;

  constructor(conn: Conn) {
    this.#conn = conn;
    this.readable = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#cancelled.abort();
          this.#ended();
        },
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<string | Bytes>({
      write: (chunk) => conn.writeAll(chunk),
      close: () => conn.closeWrite().then(() => this.#ended()),
      abort: () => conn.close(),
    });
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const chunk = await this.#conn.read(undefined, { signal: this.#cancelled.signal });
    if (chunk.length > 0) {
      controller.enqueue(chunk);
      return;
    }
    controller.close();
    this.#ended();
  }

  /** One of the two is over. */
  #ended(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#conn.close();
  }
}
