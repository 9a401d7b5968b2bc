/** What handles and objects have done, and what the channels of the process report of them. */
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { type Diagnosis, type ErrorDiagnosis, TcpConnection, UdpSocket } from "twinwire";
import { lastError, net } from "twinwire/handles";
import { atEnd, endPeers, freePort, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";

afterEach(endPeers);

const HOST = "127.0.0.1";

test("a socket's bytes and connections are counted, over a reconnect too", async () => {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push);
  const sock = net.tcpConnect(HOST, port);
  atEnd(() => net.close(sock));
  const connected = new Inbox<unknown>("connected");
  const data = new Inbox<{ data: string }>("data");
  net.on(sock, "connected", connected.push);
  net.on(sock, "data", data.push);
  net.setAutoReconnect(sock, true);
  net.setReconnectDelays(sock, [0]);
  expect(net.stats(sock)).toEqual({ received: 0, sent: 0, connects: 0, refused: 0 });
  await connected.next();
  const first = await accepted.next();
  net.send(sock, "12345");
  first.write("123");
  await data.next();
  await until(() => net.bufferedAmount(sock) === 0, "all is written");
  expect(net.stats(sock)).toEqual({ received: 3, sent: 5, connects: 1, refused: 0 });
  first.destroy();
  await connected.next();
  (await accepted.next()).write("4567");
  await data.next();
  expect(net.stats(sock)).toEqual({ received: 7, sent: 5, connects: 2, refused: 0 });
  net.close(sock);
  expect(net.stats(sock)).toBe(undefined);
  expect(lastError()?.code).toBe("ERR_HANDLE");
});

test("sends that find no room are counted", async () => {
  const { port } = await tcpPeer((socket) => socket.pause());
  const sock = net.tcpConnect(HOST, port);
  atEnd(() => net.close(sock));
  await until(() => net.state(sock) === "open", "open");
  const much = Buffer.alloc(1 << 20);
  let refused = 0;
  for (let sends = 0; refused < 3 && sends < 100; sends++) if (net.send(sock, much) < 0) refused++;
  expect([refused, net.stats(sock)?.refused]).toEqual([3, 3]);
});

test("a number that names nothing has no stats", () => {
  for (const handle of [-1, 0, 0x7fffffff, Number.NaN]) {
    expect(net.stats(handle)).toBe(undefined);
    expect(lastError()?.code).toBe("ERR_HANDLE");
  }
});

test("an object has stats until its end and after it", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const conn = new TcpConnection(HOST, port);
  await conn.writeAll("hello");
  await conn.readExact(5);
  const all = { received: 5, sent: 5, connects: 1, refused: 0 };
  expect(conn.stats()).toEqual(all);
  conn.close();
  await within(conn.closed, "closed");
  expect(conn.stats()).toEqual(all);
  const failed = new TcpConnection(HOST, 0);
  expect(failed.stats()).toEqual({ received: 0, sent: 0, connects: 0, refused: 0 });
});

test("datagrams are counted by their payloads", async () => {
  const { port } = await udpPeer((_, from, socket) => socket.send("four", from.port, from.address));
  const socket = new UdpSocket(HOST);
  await socket.sendTo("hello", HOST, port);
  await socket.sendTo("", HOST, port);
  await within(socket.recvFrom(), "a datagram");
  await within(socket.recvFrom(), "another");
  const all = { received: 8, sent: 5, connects: 0, refused: 0 };
  expect(socket.stats()).toEqual(all);
  socket.close();
  expect(socket.stats()).toEqual(all);
});

/** Subscribes until the end of the test. */
function messages<T extends Diagnosis>(name: string): Inbox<T> {
  const inbox = new Inbox<T>(name);
  const push = (message: unknown): void => inbox.push(message as T);
  subscribe(name, push);
  atEnd(() => unsubscribe(name, push));
  return inbox;
}

test("the channels of the process report the handles of every API", async () => {
  const connected = messages("twinwire:connected");
  const disconnected = messages("twinwire:disconnected");
  const { port } = await tcpPeer((socket) => socket.end("bye"));
  const address = `${HOST}:${port}`;
  const sock = net.tcpConnect(HOST, port);
  expect(await connected.next()).toMatchObject({ handle: sock, kind: "tcp", address });
  expect(await disconnected.next()).toMatchObject({
    handle: sock,
    address,
    clean: true,
    retryMs: -1,
    stats: { received: 3, sent: 0, connects: 1, refused: 0 },
  });
  net.close(sock);
  const conn = new TcpConnection(HOST, port);
  expect(await connected.next()).toMatchObject({ handle: conn.handle, kind: "tcp", address });
  conn.close();
  expect(await disconnected.next()).toMatchObject({ handle: conn.handle });
});

test("an error is published with the error itself", async () => {
  const errors = messages<ErrorDiagnosis>("twinwire:error");
  const port = await freePort();
  const conn = new TcpConnection(HOST, port);
  const reason: unknown = await conn.opened.then(
    () => undefined,
    (error: unknown) => error,
  );
  const { error, kind } = await errors.next();
  expect(error.code).toBe("ERR_REFUSED");
  expect([error === reason, kind]).toEqual([true, "tcp"]);
});

test("channels have no subscriber of our own", () => {
  for (const name of ["connected", "disconnected", "error"])
    expect(channel(`twinwire:${name}`).hasSubscribers).toBe(false);
});
