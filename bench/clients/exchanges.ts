/** HTTP requests of which each sends a message as JSON, and has it returned. */
import type { Connection, Flow } from "../flow.ts";
import { type Message, sameMessage, VARIETY } from "../payload.ts";
import type { Ports } from "../protocol.ts";

/** The URL that returns what is sent to it. */
export function echoUrl({ ws }: Ports): string {
  return `http://127.0.0.1:${ws}/`;
}

/** Requests that run side by side. Responses come in any order, so each is compared with what was sent for it. */
export class Exchanges implements Connection {
  readonly #flow: Flow;
  readonly #exchange: (message: Message) => Promise<unknown>;
  readonly close: () => void;

  /** `exchange`: sends a message and returns the body of the response. `close`: ends the connections. */
  constructor(flow: Flow, exchange: (message: Message) => Promise<unknown>, close: () => void) {
    this.#flow = flow;
    this.#exchange = exchange;
    this.close = close;
  }

  send(from: number, count: number): void {
    for (let index = from; index < from + count; index++)
      void this.#run(this.#flow.messages[index % VARIETY] as Message);
  }

  async #run(message: Message): Promise<void> {
    try {
      const got = await this.#exchange(message);
      if (!sameMessage(got as Message, message)) throw new Error("a response is not what was sent");
      this.#flow.next(1);
    } catch (error) {
      this.#flow.fail(error as Error);
    }
  }
}
