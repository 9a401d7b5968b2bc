import type { TlsOptions } from "../../wasm/socket-options.ts";
import { show } from "./arguments.ts";

/** A SHA-256 fingerprint: 32 bytes in hex. */
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

/**
 * What is wrong with options for TLS, or `undefined`. What only the host can tell, as whether a key fits its certificate,
 * it tells when the handle is opened.
 */
export function tlsFault(tls: unknown): string | undefined {
  if (typeof tls !== "object" || tls === null) return `tls is an object, not ${show(tls)}`;
  const { servername, passphrase, alpn, pin, minVersion, rejectUnauthorized }: { [K in keyof TlsOptions]: unknown } = tls;
  if (!isTextOrNone(servername)) return `tls.servername is a name, not ${show(servername)}`;
  if (!isTextOrNone(passphrase)) return "tls.passphrase is a text";
  if (alpn !== undefined && !(Array.isArray(alpn) && alpn.every((it) => typeof it === "string" && it !== ""))) {
    return `tls.alpn is an array of names, not ${show(alpn)}`;
  }
  if (pin !== undefined && !(typeof pin === "string" && FINGERPRINT.test(pin))) {
    return `tls.pin is a SHA-256 fingerprint in hex, 64 digits, not ${show(pin)}`;
  }
  if (minVersion !== undefined && minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") {
    return `tls.minVersion is "TLSv1.2" or "TLSv1.3", not ${show(minVersion)}`;
  }
  if (rejectUnauthorized !== undefined && typeof rejectUnauthorized !== "boolean") {
    return `tls.rejectUnauthorized is true or false, not ${show(rejectUnauthorized)}`;
  }
  return undefined;
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}
