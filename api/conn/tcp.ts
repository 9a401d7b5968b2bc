import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { Engine, ProxyServer } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { isInt32, joinAddress, show } from "../internal/arguments.ts";
import { flag, OptionSet, oneOf, signal } from "../internal/options.ts";
import { refuseProxy, rulesOf } from "../internal/policy.ts";
import { proxyNamed } from "../internal/url.ts";
import { Conn } from "./conn.ts";
import {
  type ConnectOptions,
  connectOptions,
  socketOptions,
  type TlsConnectOptions,
  tlsConnectOptions,
  type WaitOptions,
  windowOf,
} from "./options.ts";
import { Stream } from "./stream.ts";

/**
 * A TCP connection.
 *
 * ```ts
 * const conn = new TcpConnection("localhost", 5432);
 * await conn.writeAll("HELLO\n");
 * const response = await conn.read(1024);
 * conn.close();
 * ```
 */
export class TcpConnection extends Conn {
  /**
   * Starts to connect and returns immediately; `opened` and every method report the result.
   *
   * @param host a host name or a literal address, 1 to 253 bytes.
   * @param port 1 to 65535.
   * @throws TwinwireError ERR_ARGUMENT for a bad option. All other errors are reported by `opened`: ERR_ARGUMENT, ERR_PORT,
   * ERR_LIMIT, ERR_NAME_NOT_FOUND, ERR_POLICY, ERR_REFUSED, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_ABORTED; with `proxy` also ERR_URL,
   * ERR_UNSUPPORTED, ERR_PROXY.
   */
  constructor(host: string, port: number, options?: ConnectOptions);
  /** @internal */
  constructor(stream: Stream);
  constructor(target: string | Stream, port = 0, options?: ConnectOptions) {
    super(target instanceof Stream ? target : connect(target, port, connectOptions.read("TcpConnection", options)));
  }

  /** Connects to a Unix stream socket. As the constructor; ERR_PATH, ERR_NOT_FOUND, ERR_UNSUPPORTED. */
  static unix(path: string, options?: ConnectOptions): TcpConnection {
    return new TcpConnection(connectUnix(path, connectOptions.read("TcpConnection.unix", options)));
  }
}

/**
 * A TCP connection that uses TLS from the first byte. The server's certificate is verified.
 *
 * ```ts
 * const conn = new TlsConnection("example.com", 443);
 * ```
 */
export class TlsConnection extends TcpConnection {
  /**
   * Starts to connect, as `new TcpConnection`. `opened` is fulfilled after the TLS handshake, and can also be rejected with
   * ERR_TLS, ERR_TLS_NAME, ERR_TLS_EXPIRED, ERR_TLS_UNTRUSTED or ERR_TLS_PIN.
   */
  constructor(host: string, port: number, options?: TlsConnectOptions);
  /** @internal */
  constructor(stream: Stream);
  constructor(target: string | Stream, port = 0, options?: TlsConnectOptions) {
    super(target instanceof Stream ? target : connectTls(target, port, options));
  }

  /** Connects to a Unix socket by TLS; `tls.servername` is the name to verify. */
  static override unix(path: string, options?: TlsConnectOptions): TlsConnection {
    const checked = tlsConnectOptions.read("TlsConnection.unix", options);
    return new TlsConnection(connectUnix(path, checked, checked.tls ?? {}));
  }
}

function connectTls(host: string, port: number, options: TlsConnectOptions | undefined): Stream {
  const checked = tlsConnectOptions.read("TlsConnection", options);
  return connect(host, port, checked, checked.tls ?? {});
}

/** As `connectTcp`, through the proxy that the options name. */
function connect(host: string, port: number, options: ConnectOptions, tls?: TlsOptions): Stream {
  const { policy, proxy: given, proxyTls } = options;
  if (given === undefined || given === null || given === "") return connectTcp(host, port, options, tls);
  let proxy: ProxyServer;
  try {
    refuseProxy(policy, given);
    proxy = proxyNamed(given, proxyTls, true);
  } catch (error) {
    return start(targetOf(host, port), options, tls, (_, stream) => stream.fail(error as TwinwireError));
  }
  return connectVia(host, port, proxy, options, tls);
}

/** Starts a connection to a host and a port. The stream reports errors. */
export function connectTcp(host: string, port: number, options: ConnectOptions, tls?: TlsOptions): Stream {
  return startAt(host, port, options, tls, (engine, stream) => engine.streams.connect(stream, host, port));
}

/** As `connectTcp`, through an HTTP proxy. TLS is with the host, through the tunnel. */
export function connectVia(
  host: string,
  port: number,
  proxy: ProxyServer,
  options: ConnectOptions,
  tls?: TlsOptions,
): Stream {
  return startAt(host, port, options, tls, (engine, stream) => engine.streams.connectVia(stream, host, port, proxy));
}

/** Starts a connection to a host and a port that may not be such. `open` returns the handle or an error number. */
function startAt(
  host: string,
  port: number,
  options: ConnectOptions,
  tls: TlsOptions | undefined,
  open: (engine: Engine, stream: Stream) => number,
): Stream {
  return start(targetOf(host, port), options, tls, (engine, stream) => {
    if (typeof host !== "string") return refuse(stream, "ERR_ARGUMENT", `host ${show(host)}`);
    if (!isInt32(port)) return refuse(stream, "ERR_PORT", `port ${show(port)}`);
    stream.begun(open(engine, stream));
  });
}

/** A host and a port for error messages. */
function targetOf(host: unknown, port: unknown): string {
  return typeof host === "string" ? joinAddress(host, String(port)) : show(host);
}

/** Starts a connection to a Unix stream socket. */
export function connectUnix(path: string, options: ConnectOptions, tls?: TlsOptions): Stream {
  return start(String(path), options, tls, (engine, stream) => {
    if (typeof path !== "string") return refuse(stream, "ERR_ARGUMENT", `path ${show(path)}`);
    if (options.policy !== undefined) return refuse(stream, "ERR_POLICY", "a Unix socket is on this machine");
    stream.begun(engine.streams.connectUnix(stream, path));
  });
}

function start(
  address: string,
  options: ConnectOptions,
  tls: TlsOptions | undefined,
  open: (engine: Engine, stream: Stream) => void,
): Stream {
  const { signal } = options;
  const engine = defaultEngine();
  const stream = new Stream(engine, address, windowOf(options));
  stream.options = socketOptions(options);
  stream.policy = rulesOf(options.policy);
  stream.secure = tls !== undefined;
  if (tls !== undefined) engine.setTls(stream, tls);
  const abort = (): void => stream.fail(stream.fault("ERR_ABORTED", { step: "connect", cause: signal?.reason }));
  if (signal?.aborted) {
    abort();
    return stream;
  }
  if (signal !== undefined) {
    signal.addEventListener("abort", abort, { once: true });
    stream.onSettled = () => signal.removeEventListener("abort", abort);
  }
  open(engine, stream);
  return stream;
}

function refuse(stream: Stream, code: ErrorCode, reason: string): void {
  stream.fail(stream.fault(code, { step: "open", reason }));
}

/** The options of `resolve`. */
export interface ResolveOptions extends WaitOptions {
  /** The family of the addresses. Default: both. */
  readonly family?: 4 | 6 | undefined;
  /** Returns all addresses instead of the first. Default: false. */
  readonly all?: boolean | undefined;
}

const resolveOptions = new OptionSet<ResolveOptions>({ family: oneOf(4, 6), all: flag, signal });

/**
 * Looks up a host name. A literal address is returned as it is.
 *
 * ```ts
 * await resolve("localhost"); // "127.0.0.1"
 * ```
 *
 * @returns the first address; with `all`, every address in the order of preference.
 * @throws TwinwireError ERR_ARGUMENT, ERR_NAME_NOT_FOUND, ERR_NAME_FAILED, ERR_ABORTED.
 */
export function resolve(host: string, options: ResolveOptions & { readonly all: true }): Promise<string[]>;
export function resolve(host: string, options?: ResolveOptions & { readonly all?: false | undefined }): Promise<string>;
export async function resolve(host: string, options?: ResolveOptions): Promise<string | string[]> {
  const { all = false, family, signal } = resolveOptions.read("resolve", options, "resolve");
  const found = await defaultEngine().resolve(host, { family, signal });
  return all ? found : (found[0] as string);
}
