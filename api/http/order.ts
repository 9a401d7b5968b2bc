import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../internal/arguments.ts";
import { decode, hostOf, portOf, proxyFor } from "../internal/proxy.ts";
import { basicAuth, isPrivate, locationText } from "../internal/redirects.ts";
import { FieldText, type Pair } from "./fields.ts";
import type { Route } from "./pool.ts";
import type { HttpRequestOptions } from "./types.ts";

/** A request on its way, perhaps not to its first address. */
export interface Order {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly Pair[];
  /** Whether it has a body. */
  readonly hasBody: boolean;
  /** Of the body, if it is not among the headers. */
  readonly contentType: string | undefined;
}

/**
 * The URL of a request.
 *
 * @throws TwinwireError ERR_URL for what is no `http:` or `https:` URL.
 */
export function urlOf(text: unknown, base?: URL): URL {
  let url: URL | undefined;
  try {
    url = typeof text === "string" || text instanceof URL ? new URL(text, base) : undefined;
  } catch {
    /* Told below. */
  }
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new TwinwireError("ERR_URL", { step: "open", reason: `url ${show(text)}: an http: or https: URL is wanted` });
}

/** Where to connect for it. */
export function routeOf({ url }: Order, { proxy, tls }: HttpRequestOptions): Route {
  const secure = url.protocol === "https:";
  return { secure, host: hostOf(url), port: portOf(url), proxy: proxyFor(url, proxy), tls };
}

/** Method and target, each ended by NUL. RFC 9112 3.2 */
export function startOf({ method, url }: Order, { secure, proxy }: Route): string {
  const path = `${url.pathname}${url.search}`;
  const absolute = proxy !== undefined && !secure;
  return `${method}\0${absolute ? `http://${url.host}` : ""}${path}\0`;
}

/** The fields that it is sent with. */
export function fieldsOf({ url, headers, hasBody, contentType }: Order, { secure, proxy }: Route): FieldText {
  const fields = new FieldText();
  if (!headers.some(([name]) => name.toLowerCase() === "host")) fields.add("host", url.host);
  fields.addAll(headers);
  if (hasBody && contentType !== undefined) fields.addDefault("content-type", contentType);
  if (url.username !== "" || url.password !== "") {
    fields.addDefault("authorization", basicAuth(`${decode(url.username)}:${decode(url.password)}`));
  }
  if (proxy !== undefined && !secure && proxy.credentials !== "") {
    fields.addDefault("proxy-authorization", basicAuth(proxy.credentials));
  }
  fields.addDefault("accept", "*/*");
  fields.addDefault("user-agent", "twinwire");
  return fields;
}

/** RFC 9110 15.4: what belongs to a body that is not sent again. */
const OF_BODY = /^(?:content-|transfer-encoding$|expect$)/;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The request that follows a redirect; `undefined` if the response is none.
 *
 * @throws TwinwireError ERR_REDIRECT for an address that leads nowhere.
 */
export function redirected(order: Order, status: number, location: string | undefined): Order | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  let url: URL;
  try {
    url = urlOf(locationText(location), order.url);
  } catch (cause) {
    throw new TwinwireError("ERR_REDIRECT", { step: "receive", address: order.url.href, detail: status, cause });
  }
  const sameOrigin = url.origin === order.url.origin;
  if (sameOrigin && url.username === "" && url.password === "") {
    url.username = order.url.username;
    url.password = order.url.password;
  }
  /* RFC 9110 15.4.2 to 15.4.4 */
  const becomesGet = status === 303 ? order.method !== "HEAD" : status < 303 && order.method === "POST";
  const headers = order.headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !((!sameOrigin && (lower === "host" || isPrivate(lower))) || (becomesGet && OF_BODY.test(lower)));
  });
  if (!becomesGet) return { ...order, url, headers };
  return { method: "GET", url, headers, hasBody: false, contentType: undefined };
}
