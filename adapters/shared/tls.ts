/** TLS options and errors, as far as runtimes with OpenSSL's names agree on them. */
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import type { Pem, TlsOptions } from "../port.ts";
import { errorNumber } from "./errors.ts";

const expired = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID"];

/** What verification may find besides, X509_verify_cert_error_string(3). */
const untrusted = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "CERT_SIGNATURE_FAILURE",
  "CERT_CHAIN_TOO_LONG",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
];

const table: Readonly<Record<string, ErrorCode>> = Object.fromEntries([
  ...expired.map((code) => [code, "ERR_TLS_EXPIRED"] as const),
  ...untrusted.map((code) => [code, "ERR_TLS_UNTRUSTED"] as const),
  ["ERR_TLS_CERT_ALTNAME_INVALID", "ERR_TLS_NAME"] as const,
]);

/** The peer's certificate is not the pinned one. */
class PinError extends Error {}

/** Options that can't be used, whatever the peer does. */
export class OptionsError extends Error {
  readonly code = "ERR_INVALID_ARG_VALUE";

  constructor(cause: unknown) {
    super(`TLS options: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Returns what `make` returns; what the runtime throws against the options becomes an `OptionsError`. */
export function withOptions<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new OptionsError(error);
  }
}

/** The number of what went wrong in a handshake; `undefined`: the peer closed the connection. */
export function tlsErrorNumber(error: unknown): number {
  if (error instanceof PinError) return Errors.ERR_TLS_PIN.value;
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  const name = certificateCode(error);
  if (name !== undefined) return Errors[name].value;
  /* That of the system has a number; this is the runtimes' code for an end in the middle. */
  if (error === undefined || (code === "ECONNRESET" && !errno)) return Errors.ERR_ENDED.value;
  const number = errorNumber(error);
  return number === Errors.ERR_HOST.value ? Errors.ERR_TLS.value : number;
}

/** The code of an error that is the result of verifying a certificate; `undefined` for any other error. */
export function certificateCode(error: unknown): ErrorCode | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && Object.hasOwn(table, code) ? table[code] : undefined;
}

/** Certificates and keys in the form that the runtimes take. */
export interface Credentials {
  readonly ca?: (string | Buffer)[];
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly passphrase?: string;
}

/** Certificates and keys of the options, checked. @throws what is wrong with them. */
export function credentialsOf({ ca, cert, key, passphrase }: TlsOptions): Credentials {
  checkKey(cert, key, passphrase);
  const authorities = ca === undefined || Array.isArray(ca) ? (ca as readonly Pem[] | undefined) : [ca as Pem];
  return {
    ...(authorities === undefined ? {} : { ca: authorities.map(certificateOf) }),
    ...(cert === undefined ? {} : { cert: certificateOf(cert) }),
    ...(key === undefined ? {} : { key: asBuffer(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** Throws what is wrong with a key: not every runtime does before the handshake. */
function checkKey(cert: Pem | undefined, key: Pem | undefined, passphrase: string | undefined): void {
  if (key === undefined) return;
  const found = createPrivateKey({ key: asBuffer(key), ...(passphrase === undefined ? {} : { passphrase }) });
  if (cert !== undefined && !new X509Certificate(asBuffer(cert)).checkPrivateKey(found))
    throw new Error("the key is not that of the certificate");
}

/**
 * Certificates in PEM. The runtimes pass over what holds none, and would then trust no authority.
 *
 * @throws the error with which it is no certificate.
 */
function certificateOf(given: Pem): string | Buffer {
  const bytes = asBuffer(given);
  const first = new X509Certificate(bytes);
  return bytes.includes("-----BEGIN") ? bytes : first.toString();
}

function asBuffer(value: Pem): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Results that are kept for TLS options at most. */
const MOST = 64;

/**
 * What TLS options are turned into, kept by their content: to parse keys and authorities takes milliseconds. Options
 * objects are never changed, so the same object has the same content.
 */
export class TlsCache<T> {
  readonly #make: (options: TlsOptions) => T;
  readonly #byObject = new WeakMap<TlsOptions, T>();
  /** The one that was used last comes last. */
  readonly #byContent = new Map<string, T>();

  /** `make` may throw; then nothing is kept. */
  constructor(make: (options: TlsOptions) => T) {
    this.#make = make;
  }

  get(options: TlsOptions): T {
    const known = this.#byObject.get(options);
    if (known !== undefined) return known;
    const key = keyOf(options);
    const result = this.#byContent.get(key) ?? this.#make(options);
    this.#byObject.set(options, result);
    this.#byContent.delete(key);
    this.#byContent.set(key, result);
    const [oldest] = this.#byContent.keys();
    if (this.#byContent.size > MOST && oldest !== undefined) this.#byContent.delete(oldest);
    return result;
  }
}

/** A key that two options share if all of their values are equal. */
function keyOf(options: TlsOptions): string {
  const names = Object.keys(options).sort() as (keyof TlsOptions)[];
  const bytesAsText = (_name: string, value: unknown): unknown =>
    value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("latin1") } : value;
  const text = JSON.stringify(
    names.map((name) => [name, options[name]]),
    bytesAsText,
  );
  return createHash("sha256").update(text).digest("base64");
}

/** The name that a server is verified for: what the options ask for, or the host that was connected to. */
export function serverName(options: TlsOptions, host: string): string {
  return (options.servername ?? host).replace(/\.$/, "");
}

/** What is wrong with a server's certificate for a name; `undefined` if nothing is. */
export function identityError(name: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(name.replace(/%.*$/, ""), certificate);
}

/** The SHA-256 fingerprint of a peer's certificate, as the runtimes write it; `""` if the peer showed none. */
export function fingerprintOf(socket: { getPeerX509Certificate(): X509Certificate | undefined }): string {
  return socket.getPeerX509Certificate()?.fingerprint256 ?? "";
}

/** The error if the peer's certificate is not the pinned one. */
export function pinError(socket: Parameters<typeof fingerprintOf>[0], pin: string | undefined): Error | undefined {
  if (pin === undefined) return undefined;
  const found = fingerprintOf(socket);
  if (plainHex(found) === plainHex(pin)) return undefined;
  return new PinError(`the SHA-256 fingerprint is ${found === "" ? "none" : found}`);
}

function plainHex(text: string): string {
  return text.replaceAll(":", "").toUpperCase();
}
