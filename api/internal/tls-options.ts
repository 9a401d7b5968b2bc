/** TLS options, checked. What only the host can decide, as whether a key fits its certificate, it reports when it opens. */
import type { Pem, TlsOptions } from "../../wasm/socket-options.ts";
import { flag, listOf, OptionSet, oneOf, type Rule, text, value } from "./options.ts";

/** A SHA-256 fingerprint: 32 bytes in hex. */
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

const PEM = "PEM as a string or bytes";

/* To a runtime, an empty list of authorities may mean its own list. */
const isPem = value(PEM, (given): given is Pem =>
  typeof given === "string" ? given.includes("-----BEGIN ") : given instanceof Uint8Array && given.length > 0,
);

/** Bytes are copied: the user may reuse them. */
const pem: Rule<Pem> = (given, path) => {
  const found = isPem(given, path);
  return typeof found === "string" ? found : Uint8Array.from(found);
};

const authorities = listOf(pem, `${PEM}, or a list of such`, 1);
const isName = value("a protocol name", (given): given is string => typeof given === "string" && given !== "");

/** The options named `tls`. */
export const tlsOptions = new OptionSet<TlsOptions>({
  ca: (given, path) => (Array.isArray(given) ? authorities(given, path) : pem(given, path)),
  cert: pem,
  key: pem,
  passphrase: text,
  servername: text,
  alpn: listOf(isName, "a list of protocol names"),
  rejectUnauthorized: flag,
  requestCert: flag,
  pin: value(
    "a SHA-256 fingerprint: 64 hex digits, with or without colons",
    (given): given is string => typeof given === "string" && FINGERPRINT.test(given),
  ),
  minVersion: oneOf("TLSv1.2", "TLSv1.3"),
});

/** Whether two sets of checked options say the same, secrets included. */
export function sameTls(one: TlsOptions, other: TlsOptions): boolean {
  return tlsOptions.names.every((name) => sameValue(one[name as keyof TlsOptions], other[name as keyof TlsOptions]));
}

function sameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  const areBytes = one instanceof Uint8Array && other instanceof Uint8Array;
  const areLists = Array.isArray(one) && Array.isArray(other);
  if (!areBytes && !areLists) return false;
  return one.length === other.length && one.every((element, at) => sameValue(element, other[at]));
}
