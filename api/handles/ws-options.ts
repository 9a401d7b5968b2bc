import type { TlsOptions } from "../../wasm/socket-options.ts";
import { type Compression, checkDeflate, type DeflateOptions } from "../internal/deflate.ts";
import { headerPairs, type WsHeaders } from "../internal/handshake.ts";
import { tlsFault } from "./tls-options.ts";

/** What `ws.open` takes beside the URL. */
export interface WsOpenOptions {
  /**
   * Headers of the handshake request. A function is called for each attempt anew, right after the last one failed or
   * the connection dropped, so that a token can be a fresh one.
   */
  headers?: WsHeaders | (() => WsHeaders);
  /** Who asks: an `Authorization: Basic` header, RFC 7617. At most 255 bytes each; a user has no colon. */
  auth?: { readonly user: string; readonly password: string };
  /** Subprotocols that are offered, in order of preference. */
  protocols?: string | readonly string[];
  /**
   * How TLS is done; for `wss:` only. Without it the server is verified for the host of the URL, by the authorities that
   * the machine trusts.
   */
  tls?: TlsOptions;
  /**
   * Offers compression (permessage-deflate, RFC 7692), off at first: what the server compresses comes inflated. What this
   * door sends goes out as it is, since a send is done when it returns; `WebSocket` of `twinwire` compresses.
   */
  deflate?: boolean | DeflateOptions;
}

/** The same, checked and in one form. */
export interface CheckedOptions {
  /** Those of the next attempt; `undefined` if the application's function gave none that are right. */
  readonly headers: () => readonly (readonly [string, string])[] | undefined;
  /** Whether they may differ from attempt to attempt. */
  readonly fresh: boolean;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly protocols: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly compression: Compression | undefined;
}

/** Checks the options; a text says what is wrong with them. */
export function checkOptions(url: string, options: unknown): CheckedOptions | string {
  const given = (options ?? {}) as { [K in keyof WsOpenOptions]: unknown };
  const source = given.headers;
  const fresh = typeof source === "function";
  const fixed = fresh ? undefined : headerPairs(source);
  if (!fresh && fixed === undefined) return "headers are names with texts";
  const headers = fresh ? () => headerPairs(source()) : () => fixed;
  const { auth } = given;
  if (auth !== undefined && !isAuth(auth)) return "auth has a user and a password, both texts";
  const protocols = protocolNames(given.protocols);
  if (protocols === undefined) return "protocols are texts";
  const compression = checkDeflate(given.deflate);
  if (typeof compression === "string") return compression;
  const checked = { headers, fresh, auth, protocols, compression };
  if (given.tls === undefined) return { ...checked, tls: undefined };
  /* To connect in the clear what was to be protected would be worse than to refuse. */
  if (!/^wss:/i.test(url)) return "tls is for wss: only";
  return tlsFault(given.tls) ?? { ...checked, tls: given.tls as TlsOptions };
}

function isAuth(auth: unknown): auth is { user: string; password: string } {
  const { user, password } = (auth ?? {}) as { user?: unknown; password?: unknown };
  return typeof user === "string" && typeof password === "string";
}

/** Subprotocols as a list, or `undefined` for what are none. */
export function protocolNames(protocols: unknown): string[] | undefined {
  if (protocols === undefined) return [];
  if (typeof protocols === "string") return [protocols];
  if (!Array.isArray(protocols) || !protocols.every((name) => typeof name === "string")) return undefined;
  return protocols;
}
