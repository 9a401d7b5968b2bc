import type { TlsOptions } from "../../wasm/socket-options.ts";
import { tlsFault } from "./tls-options.ts";

/** What `ws.open` takes beside the URL. */
export interface WsOpenOptions {
  /** Headers of the handshake request, also of those that reconnect. */
  headers?: Readonly<Record<string, string>> | Iterable<readonly [string, string]>;
  /** Subprotocols that are offered, in order of preference. */
  protocols?: string | readonly string[];
  /**
   * How TLS is done; for `wss:` only. Without it the server is verified for the host of the URL, by the authorities that
   * the machine trusts.
   */
  tls?: TlsOptions;
}

/** The same, checked and in one form. */
export interface CheckedOptions {
  readonly headers: readonly (readonly [string, string])[];
  readonly protocols: readonly string[];
  readonly tls: TlsOptions | undefined;
}

/** Checks the options; a text says what is wrong with them. */
export function checkOptions(url: string, options: unknown): CheckedOptions | string {
  const given = (options ?? {}) as { [K in keyof WsOpenOptions]: unknown };
  const headers = headerPairs(given.headers);
  if (headers === undefined) return "headers are names with texts";
  const protocols = protocolNames(given.protocols);
  if (protocols === undefined) return "protocols are texts";
  if (given.tls === undefined) return { headers, protocols, tls: undefined };
  /* To connect in the clear what was to be protected would be worse than to refuse. */
  if (!/^wss:/i.test(url)) return "tls is for wss: only";
  return tlsFault(given.tls) ?? { headers, protocols, tls: given.tls as TlsOptions };
}

/** Headers as pairs, or `undefined` for what are none. */
function headerPairs(headers: unknown): [string, string][] | undefined {
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
function protocolNames(protocols: unknown): string[] | undefined {
  if (protocols === undefined) return [];
  if (typeof protocols === "string") return [protocols];
  if (!Array.isArray(protocols) || !protocols.every((name) => typeof name === "string")) return undefined;
  return protocols;
}
