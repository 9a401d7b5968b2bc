import { splitFields, toHeaders } from "./fields.ts";
import type { Headers } from "./types.ts";

/** What comes by one connection has mostly the same fields again and again: the last ones are kept. */
export class HeaderCache {
  #text = "";
  #headers: Headers = {};

  /** The headers of a head, of which the first line ends at `from`. */
  of(head: string, from: number): Headers {
    const text = this.#text;
    if (text === "" || head.length - from !== text.length || !head.endsWith(text)) {
      this.#text = head.slice(from);
      this.#headers = toHeaders(splitFields(head, from + 2));
    }
    return { ...this.#headers };
  }
}
