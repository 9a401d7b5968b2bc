import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from "node:tls";
import type { TlsInfo, TlsOptions } from "../port.ts";
import {
  credentialsOf,
  fingerprintOf,
  identityError,
  OptionsError,
  serverName,
  TlsCache,
  withOptions,
} from "../shared/tls.ts";

/** A handshake may take as long as the core lets it. */
const FOREVER_MS = 0x7fffffff;

/** OpenSSL's error, with its reason in place of a whole paragraph. */
export function plainError(error: Error | undefined): Error | undefined {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown };
  if (typeof reason !== "string" || typeof code !== "string" || !code.startsWith("ERR_SSL_")) return error;
  return Object.assign(new Error(reason, { cause: error }), { code });
}

const contexts = new TlsCache<SecureContext>((options) =>
  withOptions(() => createSecureContext(contextOptions(options))),
);
const defaults: TlsOptions = {};

/** The keys and authorities of options. @throws OptionsError if Node refuses them. */
function contextOf(options: TlsOptions): SecureContext {
  const { ca, cert, key, passphrase, minVersion } = options;
  const own = [ca, cert, key, passphrase, minVersion].some((it) => it !== undefined);
  return contexts.get(own ? options : defaults);
}

function contextOptions(options: TlsOptions): SecureContextOptions {
  const { minVersion } = options;
  return { ...credentialsOf(options), ...(minVersion === undefined ? {} : { minVersion }) };
}

/**
 * What `tls.connect` needs besides the connection. `name`: the host to verify the server for, unless the options say.
 *
 * @throws OptionsError if Node refuses the options.
 */
export function tlsClientOptions(options: TlsOptions, name: string): ConnectionOptions {
  const wanted = serverName(options, name);
  return {
    secureContext: contextOf(options),
    rejectUnauthorized: options.rejectUnauthorized !== false,
    /* RFC 6066 3: literal addresses are not permitted in "HostName". */
    servername: isIP(wanted) === 0 ? wanted : "",
    checkServerIdentity: (_host, certificate) => identityError(wanted, certificate),
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }),
  };
}

/** How a server's handshake ended. */
export interface Outcome {
  readonly secured: (socket: TLSSocket) => void;
  readonly failed: (error: Error) => void;
}

/** TLS for accepted connections by one set of options. */
class SecureServer {
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
   * injected there. It emits the events of all its connections, so each is given a view of the server that emits its own.
   */
  secure(socket: Socket, { secured, failed }: Outcome): void {
    const view: Server = Object.create(this.#server);
    socket.pause(); /* what it still holds is for TLS */
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

/** A client whose certificate fails a check is dropped without a reason; the socket knows which check. */
function reasonOf(error: Error, { authorizationError }: TLSSocket): Error {
  const code: unknown = authorizationError;
  if (typeof code !== "string") return error;
  return Object.assign(new Error(`the client's certificate was refused: ${code}`), { code });
}

const servers = new TlsCache((options) => new SecureServer(options));

/** The server of some options. @throws OptionsError if Node refuses the options. */
export function secureServer(options: TlsOptions): SecureServer {
  return servers.get(options);
}

/** What a TLS socket agreed on with its peer. */
export function tlsInfoOf(socket: TLSSocket): TlsInfo {
  return {
    alpn: socket.alpnProtocol || "",
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().standardName,
    peerFingerprint: fingerprintOf(socket),
    authorized: socket.authorized,
  };
}
