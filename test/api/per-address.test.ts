/** What a server grants each peer address: `perAddress`. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, test } from "@jest/globals";
import { http, TcpServer, TlsServer, WebSocketServer } from "twinwire";
import { WebSocket as Client } from "ws";
import { atEnd, endPeers } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { makeCertificates } from "./certificates.ts";

afterEach(endPeers);

const portOf = ({ addr }: { addr: string }): number => Number(/\d+$/.exec(addr)?.[0]);

/** A client of node:net, and everything that it received up to its end. */
function client(port: number, bytes = ""): { socket: Socket; ended: Promise<string> } {
  const socket = connect({ port, host: "127.0.0.1" });
  atEnd(() => socket.destroy());
  let text = "";
  socket.on("data", (data) => {
    text += data;
  });
  socket.on("error", () => {});
  if (bytes !== "") socket.write(bytes);
  const ended = within(new Promise<string>((done) => socket.once("close", () => done(text))), "the end");
  return { socket, ended };
}

test("a connection too many is closed, counted, and reported to no one", async () => {
  const server = new TcpServer("127.0.0.1", 0, { perAddress: { connections: 2 } });
  atEnd(() => server.close());
  await within(server.opened, "listening");
  const port = portOf({ addr: server.addr() });
  const [one, two] = [client(port), client(port)];
  const [first, second] = [await within(server.accept(), "one"), await within(server.accept(), "two")];
  expect(await client(port).ended).toBe("");
  expect(server.canAccept).toBe(false);
  expect(server.addressStats()).toMatchObject({ admitted: 2, refusedConnections: 1, refusedHandshakes: 0 });

  first.close();
  one.socket.destroy();
  await within(first.closed, "the end of the first");
  client(port);
  const third = await within(server.accept(), "three");
  second.close();
  third.close();
  two.socket.destroy();
  server.close();
  expect(server.addressStats()).toMatchObject({ admitted: 3, refusedConnections: 1 });
});

test("TLS begins on connections that are counted", async () => {
  const { ca, good } = makeCertificates();
  const server = new TlsServer("127.0.0.1", 0, { tls: good, perAddress: { connections: 1 } });
  atEnd(() => server.close());
  await within(server.opened, "listening");
  const port = portOf({ addr: server.addr() });
  const socket = connectTls({ port, host: "127.0.0.1", ca });
  atEnd(() => socket.destroy());
  const conn = await within(server.accept(), "a connection");
  await conn.writeAll("secret");
  expect(String((await within(once(socket, "data"), "bytes"))[0])).toBe("secret");
  expect(await client(port).ended).toBe("");
});

test("more new connections than one address may open within a second are closed", async () => {
  const server = new TcpServer("127.0.0.1", 0, { perAddress: { handshakesPerSecond: 1 } });
  atEnd(() => server.close());
  await within(server.opened, "listening");
  const port = portOf({ addr: server.addr() });
  const clients = Array.from({ length: 20 }, () => client(port));
  await until(() => server.addressStats().refusedHandshakes > 0, "a refusal");
  await until(() => server.addressStats().admitted >= 1, "an admission");
  for (const { socket } of clients) socket.destroy();
});

test("a WebSocket that sends too many messages gets the answers to those before, then 1008", async () => {
  const errors: unknown[] = [];
  const server = new WebSocketServer("127.0.0.1", 0, {
    listen: { perAddress: { messagesPerSecond: 3 } },
    onMessage: (socket, message) => socket.send(message),
    onConnection: (socket) => socket.addEventListener("error", ({ error }) => errors.push(error)),
  });
  atEnd(() => server.close());
  await within(server.opened, "listening");
  const ws = new Client(`ws://${server.addr()}/`);
  atEnd(() => ws.terminate());
  const got: string[] = [];
  ws.on("message", (data) => got.push(String(data)));
  await within(once(ws, "open"), "open");
  /* The handshake was the first of three. */
  for (const text of ["a", "b", "c", "d"]) ws.send(text);
  const [code] = await within(once(ws, "close"), "the close");
  expect(code).toBe(1008);
  expect(got).toEqual(["a", "b"]);
  await until(() => errors.length > 0, "the error");
  expect(errors[0]).toMatchObject({ code: "ERR_ADDRESS_LIMIT" });
});

test("a request too many is answered with 429", async () => {
  const tcp = new TcpServer("127.0.0.1", 0, { perAddress: { messagesPerSecond: 2 } });
  let handled = 0;
  const server = http.serve(tcp, () => {
    handled++;
    return { body: "hi" };
  });
  atEnd(() => server.close());
  await within(tcp.opened, "listening");
  const answer = await client(portOf({ addr: tcp.addr() }), "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(3)).ended;
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429"]);
  expect(handled).toBe(2);
  expect(tcp.addressStats()).toMatchObject({ admitted: 1, refusedMessages: 1 });
});

test("limits that are out of range, and names that do not exist", () => {
  const open = (perAddress: object) => (): void => {
    new TcpServer("127.0.0.1", 0, { perAddress }).close();
  };
  expect(open({ connections: 0 })).toThrow(/ERR_ARGUMENT.*perAddress\.connections/);
  expect(open({ messagesPerSecond: 1_000_001 })).toThrow(/ERR_ARGUMENT/);
  expect(open({ handshakesPerSecond: 1.5 })).toThrow(/ERR_ARGUMENT/);
  expect(open({ handshakes: 1 })).toThrow(/handshakesPerSecond/);
});
