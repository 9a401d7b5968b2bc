import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import type { TlsInfo, TlsOptions } from "../port.ts";
import {
  type Credentials,
  credentialsOf,
  fingerprintOf,
  identityError,
  OptionsError,
  pinError,
  serverName,
  TlsCache,
  withOptions,
} from "../shared/tls.ts";
import type { BunSecureSocket, BunTls } from "./runtime.ts";

/** A client was asked for a certificate and showed none. */
class NoCertificateError extends Error {}

/** BoringSSL's error, with its reason in place of numbers and places. */
export function plainError(error: Error | undefined): Error | undefined {
  const reason = /:OPENSSL_internal:([A-Z0-9_]+)$/.exec(error?.message ?? "")?.[1];
  if (error === undefined || reason === undefined) return error;
  const plain = new Error(reason.toLowerCase().replaceAll("_", " "), { cause: error });
  return Object.assign(plain, { code: `ERR_SSL_${reason}` });
}

/** The part of the options that holds for every connection. */
type Common = Credentials & Pick<BunTls, "ALPNProtocols" | "minVersion">;

/** The options as Bun takes them. @throws OptionsError for keys and authorities that are none. */
const prepared = new TlsCache<Common>((options) =>
  withOptions(() => {
    const common = prepare(options);
    createSecureContext({ ...common, minVersion: options.minVersion ?? "TLSv1.2" } as object);
    return common;
  }),
);

function prepare(options: TlsOptions): Common {
  const { alpn, minVersion } = options;
  return {
    ...credentialsOf(options),
    ...(alpn === undefined ? {} : { ALPNProtocols: protocolList(alpn) }),
    minVersion: minVersion === "TLSv1.3" ? 0x0304 : 0x0303,
  };
}

function protocolList(names: readonly string[]): Buffer {
  return Buffer.concat(names.flatMap((name) => [Buffer.from([Buffer.byteLength(name)]), Buffer.from(name)]));
}

/** One side of TLS: its options for Bun, and the checks that follow the handshake. */
export interface Side {
  readonly tls: BunTls;
  /** Why the peer is not to be talked to. */
  readonly refuses: (socket: BunSecureSocket<unknown>) => Error | undefined;
  readonly authorized: (socket: BunSecureSocket<unknown>) => boolean;
}

/**
 * The side of a client; `name` is what the server must be called, unless the options say. Bun is not asked to refuse
 * anything: it would also name a literal address to the server, and knows no pins.
 *
 * @throws OptionsError if Bun refuses the options.
 */
export function clientSide(options: TlsOptions, name: string): Side {
  const wanted = serverName(options, name);
  const wrong = (socket: BunSecureSocket<unknown>): Error | undefined =>
    socket.getAuthorizationError() ?? identityError(wanted, socket.getPeerCertificate());
  return {
    /* RFC 6066 3: literal addresses are not permitted in "HostName". */
    tls: { ...prepared.get(options), serverName: isIP(wanted) === 0 ? wanted : "", rejectUnauthorized: false },
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
    tls: { ...prepared.get(options), requestCert: asks, rejectUnauthorized: false },
    refuses: (socket) => pinError(socket, pin) ?? (asks && rejectUnauthorized !== false ? wrong(socket) : undefined),
    authorized: (socket) => asks && wrong(socket) === undefined,
  };
}

/** What a TLS socket agreed on with its peer. */
export function tlsInfoOf(socket: BunSecureSocket<unknown>, side: Side): TlsInfo {
  return {
    alpn: socket.alpnProtocol || "",
    protocol: socket.getTLSVersion() ?? "",
    cipher: socket.getCipher()?.standardName ?? "",
    peerFingerprint: fingerprintOf(socket),
    authorized: side.authorized(socket),
  };
}
