/** A pool of outbound blocks as small as a microcontroller's, and peers that keep it full. */
import type { Socket } from "node:net";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { limits, net, ws } from "twinwire/handles";
import type { WebSocket } from "ws";
import { endPeers, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { noise, sha256, TcpClient, WsClient } from "./client.ts";

const CLIENTS = 32;

beforeAll(() => {
  /* 8 blocks for all. */
  limits({ sockets: 4, webSockets: CLIENTS, blockSize: 512, sendPool: 4096, sendBuffer: 4096 });
});
afterEach(endPeers);

/** A connection to a server that does not read, which holds every block that it may have. Reading frees them. */
async function hog(): Promise<Socket> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push);
  const { handle } = await TcpClient.open("127.0.0.1", port);
  const peer = await accepted.next();
  peer.pause();
  for (let refused = 0; refused < 3; ) {
    let taken = false;
    for (const size of [3584, 512]) while (net.send(handle, Buffer.alloc(size)) > 0) taken = true;
    refused = taken ? 0 : refused + 1;
    await (taken ? new Promise((resolve) => setImmediate(resolve)) : pause(5));
  }
  /* All but the reserve. */
  expect(net.bufferedAmount(handle)).toBe(3584);
  return peer;
}

test("more closes in one loop iteration than there are blocks: each is clean", async () => {
  const { url } = await wsPeer(() => {});
  const clients = Array.from({ length: CLIENTS }, () => new WsClient(url));
  await until(() => clients.every(({ connected }) => connected.all.length === 1), "32 connections");
  for (const { handle } of clients) ws.close(handle, 4000, "done");
  const ends = await Promise.all(clients.map(({ disconnected }) => disconnected.next()));
  for (const end of ends) expect(end).toMatchObject({ code: 4000, clean: true });
});

test("while another connection holds the pool, a close frame goes out", async () => {
  const { url } = await wsPeer(() => {});
  const client = await WsClient.open(url);
  await hog();
  ws.close(client.handle, 4000);
  expect(await client.disconnected.next()).toMatchObject({ code: 4000, clean: true });
});

test("while another connection holds the pool, the server's close is answered", async () => {
  const accepted = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer(accepted.push);
  const client = await WsClient.open(url);
  const server = await accepted.next();
  const ended = new Inbox<number>("the server's close");
  server.on("close", ended.push);
  await hog();
  server.close(1001);
  expect(await client.disconnected.next()).toMatchObject({ code: 1001, clean: true });
  expect(await ended.next()).toBe(1001);
});

test("while another connection holds the pool, a WebSocket opens and answers pings; what it sends waits", async () => {
  const accepted = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer(accepted.push);
  const peer = await hog();
  const client = await WsClient.open(url);
  const server = await accepted.next();
  const pongs = new Inbox<string>("a pong");
  const messages = new Inbox<string>("a message");
  server.on("pong", (data) => pongs.push(String(data)));
  server.on("message", (data) => messages.push(String(data)));
  server.ping("there?");
  expect(await pongs.next()).toBe("there?");
  expect(ws.send(client.handle, "refused")).toBe(-1);
  peer.resume();
  await client.send(Buffer.from("taken"));
  expect(await messages.next()).toBe("taken");
});

test("sixteen senders share eight blocks: all is sent, whole and in order", async () => {
  const received = new Map<string, Buffer[]>();
  const { url } = await wsPeer((socket, request) => {
    const parts: Buffer[] = [];
    received.set(request.url ?? "", parts);
    socket.on("message", (data: Buffer) => parts.push(data));
  });
  const send = async (index: number): Promise<void> => {
    const client = await WsClient.open(`${url}${index}`);
    for (let count = 0; count < 50; count++) await client.send(noise(count * 37, index));
    ws.close(client.handle);
    expect(await client.disconnected.next()).toMatchObject({ code: 1000, clean: true });
  };
  await Promise.all(Array.from({ length: 16 }, (_, index) => send(index)));
  for (let index = 0; index < 16; index++) {
    const expected = Array.from({ length: 50 }, (_, count) => noise(count * 37, index));
    expect(sha256(...(received.get(`/${index}`) ?? []))).toBe(sha256(...expected));
  }
});
