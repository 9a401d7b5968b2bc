import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from "node:tls";
import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import type { Pem, TlsInfo, TlsOptions } from "../port.ts";
import { errorNumber } from "./errors.ts";

/** A handshake takes as long as the core lets it. */
const FOREVER_MS = 0x7fffffff;

const expired = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID"];

/** What OpenSSL's verification may find besides, X509_verify_cert_error_string(3). */
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

/** Options that are no good, whatever the peer does. */
class OptionsError extends Error {
  readonly code = "ERR_INVALID_ARG_VALUE";

  constructor(cause: unknown) {
    super(`TLS options: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What `make` returns; what Node says against the options becomes an error of their own. */
function withOptions<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new OptionsError(error);
  }
}

/** The number of what went wrong in a handshake; `undefined`: the peer just went. */
export function tlsErrorNumber(error: unknown): number {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown };
  if (error instanceof PinError) return Errors.ERR_TLS_PIN.value;
  if (typeof code === "string" && Object.hasOwn(table, code)) return Errors[table[code] as ErrorCode].value;
  /* Node says ECONNRESET also when the peer ended in good order; then no system call failed. */
  if (error === undefined || (code === "ECONNRESET" && errno === undefined)) return Errors.ERR_ENDED.value;
  const number = errorNumber(error);
  return number === Errors.ERR_HOST.value ? Errors.ERR_TLS.value : number;
}

/** What OpenSSL says in a whole paragraph, in its own few words. */
export function plainError(error: Error | undefined): Error | undefined {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown };
  if (typeof reason !== "string" || typeof code !== "string" || !code.startsWith("ERR_SSL_")) return error;
  return Object.assign(new Error(reason, { cause: error }), { code });
}

const contexts = new WeakMap<TlsOptions, SecureContext>();
let plainContext: SecureContext | undefined;

/**
 * What keys and authorities come to; made once for each options object, as that takes milliseconds.
 *
 * @throws OptionsError if Node refuses them.
 */
function contextOf(options: TlsOptions): SecureContext {
  const { ca, cert, key, passphrase, minVersion } = options;
  if ([ca, cert, key, passphrase, minVersion].every((it) => it === undefined)) {
    plainContext ??= createSecureContext();
    return plainContext;
  }
  let context = contexts.get(options);
  if (context === undefined) {
    context = withOptions(() => createSecureContext(contextOptions(options)));
    contexts.set(options, context);
  }
  return context;
}

function contextOptions({ ca, cert, key, passphrase, minVersion }: TlsOptions): SecureContextOptions {
  checkKey(cert, key, passphrase);
  const authorities = ca === undefined || Array.isArray(ca) ? (ca as readonly Pem[] | undefined) : [ca as Pem];
  return {
    ...(authorities === undefined ? {} : { ca: authorities.map(certificateOf) }),
    ...(cert === undefined ? {} : { cert: certificateOf(cert) }),
    ...(key === undefined ? {} : { key: asBuffer(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(minVersion === undefined ? {} : { minVersion }),
  };
}

/** Throws what is wrong with a key: Deno finds that out in the handshake. */
function checkKey(cert: Pem | undefined, key: Pem | undefined, passphrase: string | undefined): void {
  if (key === undefined) return;
  const found = createPrivateKey({ key: asBuffer(key), ...(passphrase === undefined ? {} : { passphrase }) });
  if (cert !== undefined && !new X509Certificate(asBuffer(cert)).checkPrivateKey(found))
    throw new Error("the key is not that of the certificate");
}

/**
 * Certificates as Node takes them, in PEM. What holds none it would pass over, and then trust nobody.
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

/**
 * What `tls.connect` needs besides the connection. `name`: what the server must be called, unless the options say.
 *
 * @throws OptionsError if Node refuses the options.
 */
export function tlsClientOptions(options: TlsOptions, name: string): ConnectionOptions {
  const wanted = (options.servername ?? name).replace(/\.$/, "");
  return {
    secureContext: contextOf(options),
    rejectUnauthorized: options.rejectUnauthorized !== false,
    /* RFC 6066 3: literal addresses are not permitted in "HostName". */
    servername: isIP(wanted) === 0 ? wanted : "",
    checkServerIdentity: (_host, certificate) => checkServerIdentity(wanted.replace(/%.*$/, ""), certificate),
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
  };
}

/** How a server's handshake ended. */
export interface Outcome {
  readonly secured: (socket: TLSSocket) => void;
  readonly failed: (error: Error) => void;
}

/** TLS for accepted connections by one set of options. */
export class SecureServer {
  readonly #server: Server;
  readonly #accept: (this: Server, socket: Socket) => void;

  /** @throws OptionsError if Node refuses the options. */
  constructor(options: TlsOptions) {
    const { cert, key, alpn, requestCert, rejectUnauthorized } = options;
    if (cert === undefined || key === undefined) throw new OptionsError("a server needs cert and key");
    this.#server = withOptions(() =>
      createServer({
        ...contextOptions(options),
        requestCert: requestCert === true,
        rejectUnauthorized: rejectUnauthorized !== false,
        handshakeTimeout: FOREVER_MS,
        ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      }),
    );
    this.#accept = this.#server.listeners("connection")[0] as (socket: Socket) => void;
  }

  /**
   * Starts TLS on an accepted connection. Node's own TLS server does it, which never listens: connections may be
   * injected there. It tells of all its connections alike, so each is given a view of the server that tells of this one.
   */
  secure(socket: Socket, { secured, failed }: Outcome): void {
    const view: Server = Object.create(this.#server);
    socket.pause(); /* what it still holds is TLS's */
    socket.allowHalfOpen = false; /* half a handshake leads nowhere */
    view.emit = (event: string, ...values: unknown[]): boolean => {
      if (event === "secureConnection") {
        const secure = values[0] as TLSSocket;
        secure.allowHalfOpen = true;
        secured(secure);
      }
      if (event === "tlsClientError") failed(reasonOf(values[0] as Error, values[1] as TLSSocket));
      return true;
    };
    this.#accept.call(view, socket);
  }
}

/** A client whose certificate fails a check is dropped without a word; the socket knows which check. */
function reasonOf(error: Error, { authorizationError }: TLSSocket): Error {
  const code: unknown = authorizationError;
  if (typeof code !== "string") return error;
  return Object.assign(new Error(`the client's certificate was refused: ${code}`), { code });
}

const servers = new WeakMap<TlsOptions, SecureServer>();

/** The server of an options object. @throws OptionsError if Node refuses the options. */
export function secureServer(options: TlsOptions): SecureServer {
  let server = servers.get(options);
  if (server === undefined) {
    server = new SecureServer(options);
    servers.set(options, server);
  }
  return server;
}

/** The error if the peer's certificate is not the pinned one. */
export function pinError(socket: TLSSocket, pin: string | undefined): Error | undefined {
  if (pin === undefined) return undefined;
  const found = fingerprint(socket);
  if (plainHex(found) === plainHex(pin)) return undefined;
  return new PinError(`the SHA-256 fingerprint is ${found === "" ? "none" : found}`);
}

function plainHex(text: string): string {
  return text.replaceAll(":", "").toUpperCase();
}

function fingerprint(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.fingerprint256 ?? "";
}

/** What a TLS socket agreed on with its peer. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  return {
    alpn: socket.alpnProtocol || "",
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().standardName,
    peerFingerprint: fingerprint(socket),
    authorized: socket.authorized,
  };
}
