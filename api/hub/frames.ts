/**
 * The protocol between a hub and its clients: one line of JSON, and in most cases the message after it. A message of text
 * is in a text frame, bytes are in a binary frame. Has no imports, so that a browser can load it as it is.
 */

/** The first line of a frame of a hub. */
export interface ServerLine {
  readonly topic?: string;
  /** The message's id. Who has received it before, ignores it. */
  readonly id?: string;
  /** The client has received everything up to this position. */
  readonly at?: string;
  /** The answer to a `join`: the position from which messages follow, `null` if the broker can't be reached. */
  readonly joined?: string | null;
  /** Messages after this position are lost. */
  readonly gap?: string;
  /** The id of a `publish` that was received, and where the message went. */
  readonly ack?: string;
  readonly result?: "everywhere" | "here";
  /** The code and the topic or id of a request that was refused. */
  readonly error?: string;
}

/** The first line of a frame of a client. */
export interface ClientLine {
  readonly join?: string;
  /** With `join`: the last position that it has. */
  readonly since?: string;
  readonly leave?: string;
  /** A topic; the message follows the line. */
  readonly publish?: string;
  /** With `publish`: identifies it, so that it can be sent again. */
  readonly id?: string;
}

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Returns a frame: the line, then the message, of the message's kind. */
export function frame(line: ServerLine | ClientLine, message: string | Uint8Array = ""): string | Uint8Array {
  const head = `${JSON.stringify(line)}\n`;
  if (typeof message === "string") return head + message;
  const start = encoder.encode(head);
  const bytes = new Uint8Array(start.length + message.length);
  bytes.set(start);
  bytes.set(message, start.length);
  return bytes;
}

/** Returns the line and the message of a frame, or `undefined` if it does not begin with a line of JSON. */
export function parse(
  data: string | Uint8Array,
): { line: Record<string, unknown>; message: string | Uint8Array } | undefined {
  try {
    const end = typeof data === "string" ? data.indexOf("\n") : data.indexOf(NEWLINE);
    if (end < 0) return undefined;
    const head = typeof data === "string" ? data.slice(0, end) : decoder.decode(data.subarray(0, end));
    const line: unknown = JSON.parse(head);
    if (typeof line !== "object" || line === null || Array.isArray(line)) return undefined;
    const message = typeof data === "string" ? data.slice(end + 1) : data.subarray(end + 1);
    return { line: line as Record<string, unknown>, message };
  } catch {
    return undefined;
  }
}

/** A position as text: `epoch:offset`. */
export function positionText(position: { readonly epoch: string; readonly offset: number }): string {
  return `${position.epoch}:${position.offset}`;
}

/** Returns the position that a text names, or `undefined`. */
export function positionOf(text: unknown): { epoch: string; offset: number } | undefined {
  const match = typeof text === "string" && text.length <= 200 ? /^([\w.-]+):(\d{1,15})$/.exec(text) : null;
  return match === null ? undefined : { epoch: match[1] ?? "", offset: Number(match[2]) };
}

/** The last ids that were added, at most a fixed number. */
export class RecentIds {
  readonly #ids = new Set<string>();
  readonly #most: number;

  constructor(most = 4096) {
    this.#most = most;
  }

  /** Returns whether the id is new. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > this.#most) for (const oldest of this.#ids) return this.#ids.delete(oldest);
    return true;
  }
}
