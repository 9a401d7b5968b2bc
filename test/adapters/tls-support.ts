/** What the suites of TLS share. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TlsOptions as ServerOptions, type TLSSocket } from "node:tls";
import type { Port, TlsOptions } from "../../adapters/port.ts";
import { Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { type Certificates, makeCertificates } from "../api/certificates.ts";
import { atEnd } from "../support/peers.ts";
import type { PortRecorder } from "./recorder.ts";

export const HOST = "127.0.0.1";

let made: Certificates | undefined;

/** Certificates cost a second: made when first asked for. */
export function certificates(): Certificates {
  made ??= makeCertificates();
  return made;
}

/** A server of node:tls. Its sockets' names and errors are noted. */
export async function tlsPeer(options: ServerOptions, accept: (socket: TLSSocket) => void = () => {}): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, ...options }, (socket) => {
    socket.on("error", () => {});
    accept(socket);
  });
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  atEnd(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as { port: number }).port;
}

/** TLS by the port's own doing, when it may begin at once, or put upon the connection afterwards. */
export type Way = "from the start" | "in place";

export function dial(
  port: Port,
  recorder: PortRecorder,
  handle: number,
  at: number,
  tls: TlsOptions,
  way: Way,
  host = HOST,
): void {
  const opened = port.open(handle, SocketKind.TCP, host, at, {}, way === "in place" ? undefined : tls);
  if (opened !== 0) throw new Error(`opening: ${opened}`);
  atEnd(() => port.close(handle, Close.ABORT));
  const before = recorder.onConnected;
  recorder.onConnected = (which) => {
    if (which !== handle) return before?.(which);
    const result = port.startTls(handle, "", tls);
    if (result !== 0) recorder.observed.push(`refused ${handle} ${result}`);
  };
}

export function nameOf(error: number): string {
  return (Object.keys(Errors) as ErrorCode[]).find((it) => Errors[it].value === error) ?? `${error}`;
}

/** The paths of a certificate and its key, for programs. They are gone at the end of the test. */
export function inFiles({ cert, key }: { cert: string; key: string }): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-tls-"));
  atEnd(() => rmSync(folder, { recursive: true }));
  const paths = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(paths.cert, cert);
  writeFileSync(paths.key, key);
  return paths;
}

/** A client that speaks no TLS. */
export function plainClient(at: number): Socket {
  const socket = connect(at, HOST);
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  return socket;
}
