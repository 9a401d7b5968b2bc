import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { Engine, ProxyServer } from "../../wasm/engine.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { TlsOptions } from "../../wasm/socket-options.ts";
import { isInt32, show } from "../internal/arguments.ts";
import { joinAddress } from "./address.ts";
import { type ConnectOptions, socketOptions, windowOf } from "./options.ts";
import { Stream } from "./stream.ts";

/** Starts a connection to a host and a port. What goes wrong is told by the stream. */
export function connectTcp(host: string, port: number, options: ConnectOptions, tls?: TlsOptions): Stream {
  const address = typeof host === "string" ? joinAddress(host, String(port)) : show(host);
  return start(address, options, tls, (engine, stream) => {
    if (typeof host !== "string") return refuse(stream, "ERR_ARGUMENT", `host ${show(host)}`);
    if (!isInt32(port)) return refuse(stream, "ERR_PORT", `port ${show(port)}`);
    stream.begun(engine.tcpConnect(stream, host, port));
  });
}

/** As `connectTcp`, through an HTTP proxy. TLS is with the host, through the tunnel. */
export function connectVia(
  host: string,
  port: number,
  proxy: ProxyServer,
  options: ConnectOptions,
  tls?: TlsOptions,
): Stream {
  return start(joinAddress(host, String(port)), options, tls, (engine, stream) => {
    stream.begun(engine.tcpConnectVia(stream, host, port, proxy));
  });
}

/** Starts a connection to a Unix stream socket. */
export function connectUnix(path: string, options: ConnectOptions, tls?: TlsOptions): Stream {
  return start(String(path), options, tls, (engine, stream) => {
    if (typeof path !== "string") return refuse(stream, "ERR_ARGUMENT", `path ${show(path)}`);
    stream.begun(engine.unixConnect(stream, path));
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
