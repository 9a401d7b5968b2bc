/** What the tests of the object APIs share. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { type ConnectOptions, TcpConnection, TwinwireError } from "twinwire";
import { atEnd, type TcpPeer, tcpPeer } from "../support/peers.ts";
import { Inbox, within } from "../support/wait.ts";

/** The error with which it is rejected, which must be one of the table. */
export async function failure(promise: Promise<unknown>, what = "the rejection"): Promise<TwinwireError> {
  const settled = await within(
    promise.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
    what,
  );
  if ("error" in settled && settled.error instanceof TwinwireError) return settled.error;
  throw new Error(`${what}: expected a TwinwireError, got ${JSON.stringify(settled)}`, { cause: settled });
}

/** The error that it throws, which must be one of the table. */
export function thrown(call: () => unknown): TwinwireError {
  try {
    call();
  } catch (error) {
    if (error instanceof TwinwireError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** What an error says in short. */
export function facts({ code, step, address }: TwinwireError): Pick<TwinwireError, "code" | "step" | "address"> {
  return { code, step, address };
}

/** A connection and the server's end of it. */
export interface Pair {
  readonly conn: TcpConnection;
  readonly peer: Socket;
  readonly server: TcpPeer;
}

/** A connection that is open, to a server of node:net whose sockets stay open when ours ends. */
export async function pair(options: ConnectOptions = {}): Promise<Pair> {
  const accepted = new Inbox<Socket>("a connection");
  const server = await tcpPeer(accepted.push, { allowHalfOpen: true });
  const conn = new TcpConnection("127.0.0.1", server.port, options);
  atEnd(() => conn.close());
  const peer = await accepted.next();
  await within(conn.opened, "opened");
  return { conn, peer, server };
}

/** A server of node:net that sends back what it gets. */
export async function echoPeer(): Promise<TcpPeer> {
  return tcpPeer((socket) => socket.pipe(socket));
}

/** All that a socket of node:net gets, up to its end. */
export async function all(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.resume();
  await within(once(socket, "end"), "the end of the stream");
  return Buffer.concat(parts);
}

/** Bytes that show where they belong. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + (at >> 8) * 7) & 255;
  return bytes;
}

/** Bytes as text. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
