import { HttpFlag, HttpSend } from "../../wasm/abi.gen.ts";
import type { Payload } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { utf8Size } from "../../wasm/text.ts";
import { signalOf, type WaitOptions } from "../conn/options.ts";
import { show, toPayload } from "../internal/arguments.ts";
import { type Exchange, exchangeOn, type Parts } from "./exchange.ts";
import { dateNow, FieldText, JSON_FIELDS, jsonHead, reasonOf, toText } from "./head.ts";
import type { HttpMessage } from "./message.ts";
import type { BodyInput, HttpConn, HttpReply, HttpServerResponse } from "./types.ts";

/**
 * Writes a response with a JSON body: `null` if none is given, and a string in quotation marks. `content-type` is
 * `application/json` unless the headers have another one. Otherwise as `respond`.
 *
 * @throws TwinwireError ERR_ARGUMENT for an invalid status or a value that is not JSON; ERR_HEADER for an invalid character in
 * a field; ERR_STATE after the end of the connection; ERR_DEADLINE, ERR_ABORTED.
 */
export function writeResponse(conn: HttpConn, response: HttpServerResponse, options?: WaitOptions): Promise<void> {
  try {
    if (typeof response !== "object" || response === null) {
      throw refusal(`a response is an object, not ${show(response)}`);
    }
    const { status, headers, body = null } = response;
    const signal = signalOf("http.write_response", options);
    checkStatus(status, 200);
    const exchange = exchangeOn(conn);
    const usual = headers === undefined && isUsual(exchange.receiver.request, status);
    if (!usual) return reply(exchange, { status, headers, json: body }, signal);
    const text = toText(body);
    if (!exchange.sender.fits(text)) return reply(exchange, { status, json: body }, signal);
    exchange.receiver.answered();
    return exchange.sender.sendWhole(status, jsonHead(status), JSON_FIELDS, 0, text, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether the response needs nothing but its JSON: the request is of no special kind, and the response has a body. */
function isUsual(request: HttpMessage | undefined, status: number): boolean {
  if (status === 204 || status === 205 || status === 304) return false;
  return request?.has(HttpFlag.KEEP_ALIVE) === true && !request.has(HttpFlag.HTTP_1_0) && request.method !== "HEAD";
}

/**
 * Writes the response to the request that was read last. The body is left out for HEAD. If the client asked for
 * `Connection: close`, our half of the connection ends afterwards. A status below 200 is an interim response, which another
 * one follows. A streamed body is read as fast as the client receives it.
 *
 * ```ts
 * await http.respond(conn, { headers: { "content-type": "text/csv" }, body: createReadStream("data.csv") });
 * ```
 *
 * @throws TwinwireError as `write_response`; ERR_HTTP_LENGTH for a body that is not as long as `content-length` says.
 * An error that a streamed body throws closes the connection.
 */
export async function respond(conn: HttpConn, response: HttpReply, options?: WaitOptions): Promise<void> {
  if (typeof response !== "object" || response === null)
    throw refusal(`a response is an object, not ${show(response)}`);
  checkStatus(response.status ?? 200, 102);
  return reply(exchangeOn(conn), response, signalOf("http.respond", options));
}

/** As `respond`. `last`: the connection carries no other message. */
export function reply(
  exchange: Exchange,
  { status = 200, headers, body, json, trailers }: HttpReply,
  signal: AbortSignal | undefined,
  last = false,
): Promise<void> {
  const { stream, receiver, sender } = exchange;
  const { request } = receiver;
  const fields = new FieldText().addAll(headers);
  const interim = status < 200;
  /* RFC 9110 15.2: never to an HTTP/1.0 client. */
  if (interim && request?.has(HttpFlag.HTTP_1_0) === true) return Promise.resolve();
  /* RFC 9110 6.4.1, 15.3.6 */
  const bodiless = interim || status === 204 || status === 205 || status === 304;
  let content = bodiless ? "" : contentOf(body, json);
  let flags = 0;
  if (!bodiless) {
    if (json !== undefined) fields.addDefault("content-type", "application/json");
    if (request?.method === "HEAD") {
      flags = HttpSend.HEAD_ONLY;
      if (!isParts(content)) fields.addDefault("content-length", `${sizeOf(content)}`);
      content = "";
    }
  }
  const old = request?.has(HttpFlag.HTTP_1_0) === true;
  const endless = old && isParts(content) && !fields.has("content-length");
  const closes = !interim && (last || endless || fields.closes || request?.has(HttpFlag.KEEP_ALIVE) === false);
  if (!interim) {
    fields.addDefault("date", dateNow());
    if (old && !closes) fields.addDefault("connection", "keep-alive");
    receiver.answered();
  }
  if (endless) flags = HttpSend.UNTIL_CLOSE;
  else if (closes && !fields.closes) flags |= HttpSend.CLOSE;
  const start = `${reasonOf(status)}\0`;
  let sent = sender.send({ status, start, fields, flags, body: content, trailers, signal });
  /* The client must not take what it has for all of it. */
  if (sender.busy) sent = sent.catch((error: unknown) => abandon(exchange, error));
  if (!closes) return sent;
  exchange.ending = true;
  receiver.isLast();
  return sent.then(() => stream.sender.finish());
}

function abandon({ stream, sender }: Exchange, error: unknown): never {
  if (sender.broken) stream.close();
  throw error;
}

/** A body as it is sent. */
export function contentOf(body: BodyInput | null | undefined, json: unknown): Payload | Parts {
  if (json !== undefined) return toText(json);
  if (body === undefined || body === null) return "";
  const payload = toPayload(body);
  if (payload !== undefined) return payload;
  if (typeof body === "object" && (Symbol.asyncIterator in body || Symbol.iterator in body)) return body as Parts;
  throw refusal(`a body is text, bytes or parts of either, not ${show(body)}`);
}

/** Whether a body comes in time. */
export function isParts(content: Payload | Parts): content is Parts {
  return typeof content !== "string" && !(content instanceof Uint8Array);
}

function sizeOf(content: Payload): number {
  return typeof content === "string" ? utf8Size(content) : content.length;
}

function checkStatus(status: unknown, least: number): void {
  if (Number.isInteger(status) && (status as number) >= least && (status as number) <= 599 && status !== 101) return;
  throw refusal(`status is a whole number from ${least} to 599, not ${show(status)}`);
}

function refusal(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { step: "send", reason });
}
