/** Handlers of `http.serve` in other forms: functions of the Fetch standard, and server-sent events. */
import type { Conn } from "../conn/conn.ts";
import type { IncomingRequest } from "./calls.ts";
import type { HttpHandler } from "./server.ts";
import type { HttpReply } from "./types.ts";

/** A function of the Fetch standard, as frameworks such as hono have it. `env.conn` is the connection of the request. */
export type FetchFunction = (request: Request, env: { readonly conn: Conn }) => Response | Promise<Response>;

/**
 * Returns a handler for `http.serve` that calls a function of the Fetch standard.
 *
 * ```ts
 * const app = new Hono().get("/", (c) => c.text("hello"));
 * http.serve(new TcpServer("127.0.0.1", 8080), http.fetchHandler(app.fetch));
 * ```
 *
 * Methods that a `Request` can't have (CONNECT, TRACE) are answered with 501, and an invalid Host field with 400.
 */
export function fetchHandler(fetch: FetchFunction): HttpHandler {
  return async (incoming) => {
    const request = requestOf(incoming);
    if (typeof request === "number") return { status: request };
    const response = await fetch(request, { conn: incoming.conn });
    if (incoming.method === "HEAD") void response.body?.cancel().catch(() => {});
    return replyOf(response, incoming.method === "HEAD");
  };
}

/** A request of the Fetch standard, or the status that an invalid one is answered with. */
function requestOf(incoming: IncomingRequest): Request | number {
  const { method, fields, headers, conn, target } = incoming;
  const scheme = conn.isTLS() ? "https" : "http";
  const { host = "localhost" } = headers;
  let url: URL;
  try {
    url = new URL(target.startsWith("/") ? `${scheme}://${host}${target}` : target, `${scheme}://${host}`);
  } catch {
    return 400;
  }
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) return 501;
  const pairs: [string, string][] = [];
  for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at] as string, fields[at + 1] as string]);
  const body = method === "GET" || method === "HEAD" ? null : incoming.body.stream;
  const init = { method, headers: pairs, body, signal: incoming.signal, duplex: "half" };
  return new Request(url, init as RequestInit);
}

function replyOf(response: Response, isHead: boolean): HttpReply {
  const { status, headers, body } = response;
  return { status, headers: [...headers], body: isHead ? null : body };
}

/** An event of a stream of server-sent events. */
export interface ServerSentEvent {
  /** The payload; each line is sent as one `data` field. */
  readonly data: string;
  /** The type. Default: `"message"`. */
  readonly event?: string | undefined;
  /** The position, which a client that reconnects sends as `Last-Event-ID`. */
  readonly id?: string | undefined;
  /** The delay before the client reconnects, in milliseconds. */
  readonly retryMs?: number | undefined;
}

/**
 * Returns a response that sends server-sent events (`text/event-stream`), as browsers receive them by `EventSource`. The
 * iteration ends when the client has left.
 *
 * ```ts
 * http.serve(server, (request) => http.eventStream(news.since(request.headers["last-event-id"])));
 * ```
 *
 * @param events events, or texts that are their data.
 */
export function eventStream(events: AsyncIterable<ServerSentEvent | string>): HttpReply {
  return {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    body: eventTexts(events),
  };
}

async function* eventTexts(events: AsyncIterable<ServerSentEvent | string>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield eventText(typeof event === "string" ? { data: event } : event);
}

function eventText({ data, event, id, retryMs }: ServerSentEvent): string {
  /* A line break would begin another field. */
  const field = (name: string, value: string | number | undefined): string =>
    value === undefined ? "" : `${name}: ${String(value).replace(/[\r\n\0]+/g, " ")}\n`;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${field("event", event)}${field("id", id)}${field("retry", retryMs)}${lines.join("")}\n`;
}
