/** URLs of clients: host and port, proxies, redirects, credentials. */
import type { ProxyServer } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import { defaultPort } from "../../wasm/host.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { show } from "./arguments.ts";
import type { Rule } from "./options.ts";

/**
 * The URL of an HTTP proxy (`http://[user:password@]host[:port]`, or `https://…` for TLS with the proxy); `null` or `""` for
 * none. Default: the environment decides, by `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` in upper or lower
 * case.
 */
export type ProxyOption = string | URL | null | undefined;

/* What is no proxy is refused with codes of its own, when the route is known. A URL object can change: its text can't. */
export const proxyRule: Rule<ProxyOption> = (given) => (given instanceof URL ? given.href : (given as ProxyOption));

/**
 * The proxy for a URL, or `undefined` if it is reached directly. `ws:` counts as `http:`, `wss:` as `https:`.
 *
 * @param tls how TLS is done with a proxy whose URL is `https:`.
 * @throws TwinwireError as `proxyNamed`.
 */
export function proxyFor(target: URL, option: ProxyOption, tls?: TlsOptions): ProxyServer | undefined {
  if (option === null || option === "") return undefined;
  /* RFC 9112 3.2.2: a request for http: is sent to the proxy itself. */
  const tunnels = target.protocol !== "http:";
  if (option !== undefined) return proxyNamed(option, tls, tunnels);
  const proxy = fromEnvironment(target);
  if (proxy === undefined) return undefined;
  return proxyNamed(proxy, /^https:/i.test(proxy) ? tls : undefined, tunnels);
}

/**
 * The proxy that a URL names.
 *
 * @param tunnels whether it is asked for a tunnel.
 * @throws TwinwireError ERR_URL for what is no URL of a proxy; ERR_UNSUPPORTED for one that is neither `http:` nor `https:`, and
 * where the runtime has no tunnel within TLS; ERR_ARGUMENT for TLS options with a proxy that is not `https:`.
 */
export function proxyNamed(proxy: string | URL, tls: TlsOptions | undefined, tunnels: boolean): ProxyServer {
  const text = String(proxy);
  const written = typeof proxy === "string" || proxy instanceof URL;
  const url = written ? parse(text.includes("://") ? text : `http://${text}`) : undefined;
  if (url === undefined || url.hostname === "") {
    throw new TwinwireError("ERR_URL", { step: "proxy", reason: `proxy ${show(withoutPassword(text))}` });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const reason = `a proxy is spoken to by http: or https:, not ${url.protocol}`;
    throw new TwinwireError("ERR_UNSUPPORTED", { step: "proxy", reason });
  }
  const secure = url.protocol === "https:";
  if (secure && tunnels && defaultPort().outerTls !== true) {
    const reason = "this runtime does not offer a tunnel within TLS; use a proxy whose URL is http:";
    throw new TwinwireError("ERR_UNSUPPORTED", { step: "proxy", reason });
  }
  if (!secure && tls !== undefined) {
    const reason = "proxyTls has no meaning for a proxy that is not https:; write https:, or leave proxyTls out";
    throw new TwinwireError("ERR_ARGUMENT", { step: "proxy", reason });
  }
  const user = decode(url.username);
  const password = decode(url.password);
  return {
    host: hostOf(url),
    port: portOf(url),
    credentials: user === "" && password === "" ? "" : `${user}:${password}`,
    tls: secure ? (tls ?? {}) : undefined,
  };
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "https:" || protocol === "wss:";
}

/** The host of a URL as it is connected to: an IPv6 address without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** The port of a URL, also where it is the default one of its scheme. */
export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" || protocol === "wss:" ? 443 : 80;
}

function fromEnvironment(target: URL): string | undefined {
  const port = defaultPort();
  const env = (name: string): string | undefined => port.env?.(name) || undefined;
  const read = (name: string): string | undefined => env(name.toLowerCase()) ?? env(name);
  const secure = isSecure(target);
  /* Where a program answers web requests by CGI, HTTP_PROXY is what a request's "Proxy" field says. */
  const isCgi = !secure && env("REQUEST_METHOD") !== undefined;
  const own = isCgi ? env("http_proxy") : read(secure ? "HTTPS_PROXY" : "HTTP_PROXY");
  const proxy = own ?? read("ALL_PROXY");
  if (proxy === undefined) return undefined;
  const host = withoutDot(hostOf(target));
  const spared = (read("NO_PROXY") ?? "").split(/[\s,]+/).some((rule) => spares(rule, host, portOf(target)));
  return spared ? undefined : proxy;
}

/**
 * Whether an entry of NO_PROXY names a host: `*`; a host with all below it, perhaps written with a dot or `*.` before it;
 * an address; a block of IPv4 addresses. A port behind it has to be the same.
 */
function spares(rule: string, host: string, port: number): boolean {
  if (rule === "") return false;
  if (rule === "*") return true;
  const parts = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+))?$/.exec(rule);
  /* An IPv6 address without brackets has no port. */
  const bare = parts === null || (parts[1] === undefined && rule.split(":").length > 2);
  const name = (bare ? rule : (parts[1] ?? parts[2] ?? "")).toLowerCase();
  if (!bare && parts[3] !== undefined && Number(parts[3]) !== port) return false;
  const block = /^(\d+\.\d+\.\d+\.\d+)\/(\d{1,2})$/.exec(name);
  if (block !== null) return inBlock(host, block[1] as string, Number(block[2]));
  const tail = asciiOf(withoutDot(name.replace(/^\*?\./, "")));
  /* An address has nothing below it. */
  const hasBelow = ipv4(host) === undefined && !host.includes(":");
  return tail !== "" && (host === tail || (hasBelow && host.endsWith(`.${tail}`)));
}

/** A name without the dot that stands for the root. */
function withoutDot(name: string): string {
  return name.replace(/\.$/, "");
}

/** A name as URLs have it: in lower case, with the labels of an IDN in their ASCII form. */
function asciiOf(name: string): string {
  return /^[\0-\x7f]*$/.test(name) ? name : (parse(`http://${name}`)?.hostname ?? name);
}

function inBlock(host: string, address: string, bits: number): boolean {
  const one = ipv4(host);
  const other = ipv4(address);
  if (one === undefined || other === undefined || bits > 32) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(one / size) === Math.floor(other / size);
}

function ipv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part < 256) ? parts.reduce((all, part) => all * 256 + part) : undefined;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** What a part of a URL stands for. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A URL as it may stand in a log. What is no URL may have its password anywhere before the last `@`. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@");
}

/** Rules of redirects and credentials that HTTP and WebSocket clients share. */

/** RFC 9110 15.4: fields that a server of another origin must not see. In lower case. */
const PRIVATE: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Whether a header field is for the first origin alone: it is not sent to another one, to which it redirects. */
export function isPrivate(name: string): boolean {
  return PRIVATE.has(name.toLowerCase());
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The value of a Location field as browsers read it: its bytes are UTF-8 if they can be, else Latin-1. */
export function locationText(latin1: string): string {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1;
  try {
    return decoder.decode(Uint8Array.from(latin1, (it) => it.charCodeAt(0)));
  } catch {
    return latin1;
  }
}

/** `user:password` as the value of an Authorization field, RFC 7617, in UTF-8. */
export function basicAuth(credentials: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(credentials)) bytes += String.fromCharCode(byte);
  return `Basic ${btoa(bytes)}`;
}
