/** What can't be read in two ways is accepted. */
import { afterEach, expect, test } from "@jest/globals";
import { http, TcpConnection, TcpServer } from "twinwire";
import { atEnd, endPeers, tcpPeer } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";

afterEach(endPeers);

test.each([
  ["a status line without the space behind the status", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"],
  ["an empty line before the status line", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
])("%s", async (_, answer) => {
  const { port } = await tcpPeer((socket) => socket.once("data", () => socket.write(answer)));
  const response = await within(http.request({ method: "GET", url: `http://127.0.0.1:${port}/` }), "a response");
  expect([response.status, response.body]).toEqual([200, "ok"]);
});

test("two empty lines before a request line", async () => {
  const server = new TcpServer("127.0.0.1", 0);
  await server.opened;
  const served = http.serve(server, ({ path }) => ({ body: path }));
  atEnd(() => served.close({ graceMs: 100 }));
  const [host = "", port = ""] = server.addr().split(":");
  const conn = new TcpConnection(host, Number(port));
  await conn.writeAll("\r\n\r\nGET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  await conn.closeWrite();
  const text = new TextDecoder().decode(await within(readAll(conn), "a response"));
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n\/here$/s);
});

async function readAll(conn: TcpConnection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of conn) parts.push(part);
  return Buffer.concat(parts);
}
