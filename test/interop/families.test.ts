/** A name that has addresses of both families, with a server on one of them: RFC 8305. */
import dns from "node:dns";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { net } from "twinwire/handles";
import { endPeers, freePort, reachable, tcpPeer } from "../support/peers.ts";
import { TcpClient } from "./client.ts";

const NAME = "both.test";
const { lookup } = dns;
let order: string[] = [];

type Lookup = (
  name: string,
  options: dns.LookupAllOptions,
  done: (error: null, found: dns.LookupAddress[]) => void,
) => void;

/* No name on every machine has both, so this one is made up. */
beforeAll(() => {
  const made: Lookup = (name, options, done) => {
    if (name !== NAME) return (lookup as Lookup)(name, options, done);
    const found = order.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    setImmediate(() => done(null, found));
  };
  dns.lookup = made as typeof lookup;
});
afterAll(() => {
  dns.lookup = lookup;
});
afterEach(endPeers);

/* Both families need a machine with IPv6 on loopback. */
const hasIPv6 = reachable.some(([address]) => address === "::1");
const bothFamilies = hasIPv6 ? test : test.skip;

bothFamilies.each([
  ["127.0.0.1", ["::1", "127.0.0.1"]],
  ["127.0.0.1", ["127.0.0.1", "::1"]],
  ["::1", ["::1", "127.0.0.1"]],
  ["::1", ["127.0.0.1", "::1"]],
])("a server on %s alone, the name gives %j", async (host, addresses) => {
  order = addresses;
  const { port } = await tcpPeer((socket) => socket.pipe(socket), { host });
  const client = await TcpClient.open(NAME, port);
  await client.send("hello");
  expect(Buffer.from(await client.data.next()).toString()).toBe("hello");
  expect(net.remoteAddr(client.handle)).toBe(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  expect(client.errors.all).toEqual([]);
});

bothFamilies("a server on neither", async () => {
  order = ["::1", "127.0.0.1"];
  const client = new TcpClient(NAME, await freePort());
  expect((await client.errors.next()).code).toBe("ERR_REFUSED");
  expect(await client.disconnected.next()).toMatchObject({ clean: false, retryMs: -1 });
});
