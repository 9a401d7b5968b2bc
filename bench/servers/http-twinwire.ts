/** twinwire's read_request and write_response, as their documentation shows them. */
import { http, type TcpConnection, TcpServer } from "twinwire";

/** Starts a server that answers JSON by JSON; its port. */
export async function start(): Promise<number> {
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  void accept(server);
  return Number(server.addr().split(":")[1]);
}

async function accept(server: TcpServer): Promise<void> {
  for await (const conn of server) answer(conn).catch(() => conn.close());
}

async function answer(conn: TcpConnection): Promise<never> {
  for (;;) {
    const { path, body } = await http.read_request(conn);
    await http.write_response(conn, { status: 200, body: { path, body } });
  }
}
