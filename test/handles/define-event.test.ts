import { afterEach, expect, test } from "@jest/globals";
import { defineEvent, net, on } from "twinwire/handles";
import { EventSignatures } from "../../wasm/abi.gen.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";

afterEach(endPeers);

function connect(port: number): number {
  const sock = net.tcpConnect("127.0.0.1", port);
  atEnd(() => net.close(sock));
  return sock;
}

test("a declaration carries the signature that the core computes of it", () => {
  const NetDatagram = defineEvent("NetDatagram", { data: "string", addr: "string", port: "i32" });
  expect(NetDatagram.name).toBe("NetDatagram");
  expect(NetDatagram.declaration).toBe(EventSignatures.NetDatagram.signature);
  expect(NetDatagram.signature).toBe(EventSignatures.NetDatagram.hash);
  expect(defineEvent("NetDatagram", { addr: "string", data: "string", port: "i32" }).signature).not.toBe(
    NetDatagram.signature,
  );
  expect(defineEvent("Empty", {}).declaration).toBe("Empty{}");
});

test("listeners of a type are called for every handle it is bound to, once, until they are removed", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const NetConnected = defineEvent("NetConnected", { sock: "i32" });
  const NetData = defineEvent("NetData", { data: "string" });
  const observed = new Inbox<string>("data");
  const late = new Inbox<string>("data for the second listener");
  on(NetConnected, (e) => net.send(e.sock, `${e.sock}`));
  const off = NetData.on((e) => observed.push(e.data));
  const socks = [connect(port), connect(port), connect(port)];
  for (const sock of socks) expect(net.on(sock, "connected", NetConnected)).toBe(0);
  for (const sock of socks.slice(0, 2)) {
    expect(net.on(sock, "data", NetData)).toBe(0);
    expect(net.on(sock, "data", NetData)).toBe(0);
  }
  await until(() => observed.all.length === 2, "both");
  expect(observed.all.toSorted()).toEqual(socks.slice(0, 2).map(String).toSorted());
  off();
  off();
  NetData.on((e) => late.push(e.data));
  net.send(socks[0] ?? -1, "again");
  expect(await late.next()).toBe("again");
  expect(observed.all).toHaveLength(2);
});

test("the same listener can be added twice and is taken off one by one", async () => {
  const { port } = await tcpPeer((socket) => socket.pipe(socket));
  const NetData = defineEvent("NetData", { data: "string" });
  const observed: string[] = [];
  const listener = (e: { data: string }): void => {
    observed.push(e.data);
  };
  const off = NetData.on(listener);
  NetData.on(listener);
  const sock = connect(port);
  net.on(sock, "data", NetData);
  net.on(sock, "connected", () => net.send(sock, "x"));
  await until(() => observed.length > 0, "data");
  expect(observed).toEqual(["x", "x"]);
  off();
  net.send(sock, "y");
  await until(() => observed.length > 2, "data");
  expect(observed).toEqual(["x", "x", "y"]);
});
