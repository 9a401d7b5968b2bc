import type { TlsOptions } from "../../wasm/socket-options.ts";

/** What `ws.open` takes beside the URL. */
export interface WsOpenOptions {
  /** Headers of the handshake request, also of those that reconnect. */
  headers?: Readonly<Record<string, string>> | Iterable<readonly [string, string]>;
  /** Subprotocols that are offered, in order of preference. */
  protocols?: string | readonly string[];
  /**
   * How TLS is done, for `wss:` alone. Without it the server is verified for the URL's host, by the authorities that the
   * host trusts.
   */
  tls?: TlsOptions;
}

/** Headers as pairs, or `undefined` for what are none. */
export function headerPairs(headers: unknown): [string, string][] | undefined {
  if (headers === undefined) return [];
  if (typeof headers !== "object" || headers === null) return undefined;
  const entries: unknown[] = Symbol.iterator in headers ? [...(headers as Iterable<unknown>)] : Object.entries(headers);
  const pairs = entries.filter(isPair);
  return pairs.length === entries.length ? pairs : undefined;
}

function isPair(entry: unknown): entry is [string, string] {
  return Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === "string");
}

/** Subprotocols as a list, or `undefined` for what are none. */
export function protocolNames(protocols: unknown): string[] | undefined {
  if (protocols === undefined) return [];
  if (typeof protocols === "string") return [protocols];
  if (!Array.isArray(protocols) || !protocols.every((name) => typeof name === "string")) return undefined;
  return protocols;
}
