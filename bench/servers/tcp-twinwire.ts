/** twinwire's TcpServer, with the loop that its documentation shows. */
import { type TcpConnection, TcpServer } from "twinwire";

/** Starts a server that echoes bytes; returns its port. */
export async function start(): Promise<number> {
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  void accept(server);
  return Number(server.addr().split(":")[1]);
}

async function accept(server: TcpServer): Promise<void> {
  for await (const conn of server) echo(conn).catch(() => conn.close());
}

async function echo(conn: TcpConnection): Promise<void> {
  for await (const bytes of conn) await conn.writeAll(bytes);
  conn.close();
}
