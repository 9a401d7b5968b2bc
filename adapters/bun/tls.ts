import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext } from "node:tls";
import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import { errorNumber } from "../node-api/errors.ts";
import type { Pem, TlsInfo, TlsOptions } from "../port.ts";
import type { BunSecureSocket, BunTls } from "./runtime.ts";

const expired = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID"];

/** What BoringSSL's verification may find besides, X509_verify_cert_error_string. */
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

/** A client was asked for a certificate and showed none. */
class NoCertificateError extends Error {}

/** Options that are no good, whatever the peer does. */
class OptionsError extends Error {
  readonly code = "ERR_INVALID_ARG_VALUE";

  constructor(cause: unknown) {
    super(`TLS options: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The number of what went wrong in a handshake; `undefined`: the peer just went. */
export function tlsErrorNumber(error: unknown): number {
  if (error instanceof PinError) return Errors.ERR_TLS_PIN.value;
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  const name = typeof code === "string" && Object.hasOwn(table, code) ? table[code] : undefined;
  if (name !== undefined) return Errors[name].value;
  /* That of the system has a number; this is Bun's word for an end in the middle. */
  if (error === undefined || (code === "ECONNRESET" && !errno)) return Errors.ERR_ENDED.value;
  const number = errorNumber(error);
  return number === Errors.ERR_HOST.value ? Errors.ERR_TLS.value : number;
}

/**
 * Whether this is only what a certificate is worth. Bun tells it as if the handshake had failed, also where it was asked to
 * refuse nothing; TLS is there all the same.
 */
export function isVerdict(error: Error | null): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && Object.hasOwn(table, code);
}

/** What BoringSSL says with its numbers and places, in its own few words. */
export function plainError(error: Error | undefined): Error | undefined {
  const reason = /:OPENSSL_internal:([A-Z0-9_]+)$/.exec(error?.message ?? "")?.[1];
  if (error === undefined || reason === undefined) return error;
  const plain = new Error(reason.toLowerCase().replaceAll("_", " "), { cause: error });
  return Object.assign(plain, { code: `ERR_SSL_${reason}` });
}

/** What of the options holds for every connection. */
type Common = Pick<BunTls, "ca" | "cert" | "key" | "passphrase" | "ALPNProtocols" | "minVersion">;

const prepared = new WeakMap<TlsOptions, Common>();

/**
 * The options as Bun takes them; looked at once for each options object, as that takes milliseconds.
 *
 * @throws OptionsError for keys and authorities that are none.
 */
function commonOf(options: TlsOptions): Common {
  let common = prepared.get(options);
  if (common === undefined) {
    try {
      common = prepare(options);
      createSecureContext({ ...common, minVersion: options.minVersion ?? "TLSv1.2" } as object);
    } catch (error) {
      throw new OptionsError(error);
    }
    prepared.set(options, common);
  }
  return common;
}

function prepare({ ca, cert, key, passphrase, alpn, minVersion }: TlsOptions): Common {
  const authorities = ca === undefined || Array.isArray(ca) ? (ca as readonly Pem[] | undefined) : [ca as Pem];
  return {
    ...(authorities === undefined ? {} : { ca: authorities.map(certificateOf) }),
    ...(cert === undefined ? {} : { cert: certificateOf(cert) }),
    ...(key === undefined ? {} : { key: asBuffer(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(alpn === undefined ? {} : { ALPNProtocols: protocolList(alpn) }),
    minVersion: minVersion === "TLSv1.3" ? 0x0304 : 0x0303,
  };
}

/** Certificates in PEM. @throws the error with which it is no certificate. */
function certificateOf(given: Pem): string | Buffer {
  const bytes = asBuffer(given);
  const first = new X509Certificate(bytes);
  return bytes.includes("-----BEGIN") ? bytes : first.toString();
}

function asBuffer(value: Pem): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function protocolList(names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name)]));
}

/** One side of TLS: what Bun is told, and what is looked at when the handshake is done. */
export interface Side {
  readonly tls: BunTls;
  /** Why the peer is not to be talked to. */
  readonly refuses: (socket: BunSecureSocket<unknown>) => Error | undefined;
  readonly authorized: (socket: BunSecureSocket<unknown>) => boolean;
}

/**
 * The side of a client; `name` is what the server must be called, unless the options say. Bun is not asked to refuse
 * anything: it would also name a literal address to the server, and ask nobody for a pin.
 *
 * @throws OptionsError if Bun refuses the options.
 */
export function clientSide(options: TlsOptions, name: string): Side {
  const wanted = (options.servername ?? name).replace(/\.$/, "");
  const wrong = (socket: BunSecureSocket<unknown>): Error | undefined =>
    socket.getAuthorizationError() ?? checkServerIdentity(wanted.replace(/%.*$/, ""), socket.getPeerCertificate());
  return {
    /* RFC 6066 3: literal addresses are not permitted in "HostName". */
    tls: { ...commonOf(options), serverName: isIP(wanted) === 0 ? wanted : "", rejectUnauthorized: false },
    refuses: (socket) =>
      pinError(socket, options.pin) ?? (options.rejectUnauthorized === false ? undefined : wrong(socket)),
    authorized: (socket) => wrong(socket) === undefined,
  };
}

/**
 * The side of a server.
 *
 * @throws OptionsError if Bun refuses the options.
 */
export function serverSide(options: TlsOptions): Side {
  const { cert, key, pin, rejectUnauthorized } = options;
  if (cert === undefined || key === undefined) throw new OptionsError("a server needs cert and key");
  const asks = options.requestCert === true;
  const wrong = (socket: BunSecureSocket<unknown>): Error | undefined => {
    if (socket.getPeerX509Certificate() === undefined)
      return new NoCertificateError("the client showed no certificate");
    const error = socket.getAuthorizationError();
    if (error === null) return undefined;
    const { code } = error as { code?: unknown };
    return Object.assign(new Error(`the client's certificate was refused: ${code}`, { cause: error }), { code });
  };
  return {
    tls: { ...commonOf(options), requestCert: asks, rejectUnauthorized: false },
    refuses: (socket) => pinError(socket, pin) ?? (asks && rejectUnauthorized !== false ? wrong(socket) : undefined),
    authorized: (socket) => asks && wrong(socket) === undefined,
  };
}

/** The error if the peer's certificate is not the pinned one. */
function pinError(socket: BunSecureSocket<unknown>, pin: string | undefined): Error | undefined {
  if (pin === undefined) return undefined;
  const found = fingerprint(socket);
  if (plainHex(found) === plainHex(pin)) return undefined;
  return new PinError(`the SHA-256 fingerprint is ${found === "" ? "none" : found}`);
}

function plainHex(text: string): string {
  return text.replaceAll(":", "").toUpperCase();
}

function fingerprint(socket: BunSecureSocket<unknown>): string {
  return socket.getPeerX509Certificate()?.fingerprint256 ?? "";
}

/** What a TLS socket agreed on with its peer. */
export function tlsInfoOf(socket: BunSecureSocket<unknown>, side: Side): TlsInfo {
  return {
    alpn: socket.alpnProtocol || "",
    protocol: socket.getTLSVersion() ?? "",
    cipher: socket.getCipher()?.standardName ?? "",
    peerFingerprint: fingerprint(socket),
    authorized: side.authorized(socket),
  };
}
