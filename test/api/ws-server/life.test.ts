/** A server's life: closing over time, a new certificate, a shared port, an inherited socket, metrics. */
import { once } from "node:events";
import { createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, expect, test } from "@jest/globals";
import { TcpServer, TlsServer, WebSocketServer } from "twinwire";
import { host } from "../../support/host.ts";
import { atEnd, endPeers } from "../../support/peers.ts";
import { until, within } from "../../support/wait.ts";
import { makeCertificates } from "../certificates.ts";
import { failure, thrown } from "../support.ts";
import { wsClient } from "./support.ts";

afterEach(endPeers);

test("clients are closed one after the other with 1012, and no more come", async () => {
  const server = new WebSocketServer("127.0.0.1", 0);
  await server.opened;
  const clients = await Promise.all(Array.from({ length: 20 }, () => wsClient(`ws://${server.addr()}/`)));
  await until(() => server.clients.size === 20, "all clients");
  const left: number[] = [];
  const codes: number[] = [];
  for (const client of clients) {
    client.on("close", (code) => {
      codes.push(code);
      left.push(server.clients.size);
    });
  }
  const address = server.addr();
  const closed = server.close({ spreadMs: 1000 });
  await expect(wsClient(`ws://${address}/`)).rejects.toBeDefined();
  await within(closed, "the end of the server");
  await until(() => codes.length === 20, "all closes");
  expect(new Set(codes)).toEqual(new Set([1012]));
  /* At least one was closed while others were still open. */
  expect(left.some((it) => it > 5)).toBe(true);
});

test("close without spreadMs ends a close that takes long", async () => {
  const server = new WebSocketServer("127.0.0.1", 0);
  await server.opened;
  const clients = await Promise.all([1, 2, 3].map(() => wsClient(`ws://${server.addr()}/`)));
  const codes = clients.map((client) => once(client, "close").then(([code]) => code as number));
  const slow = server.close({ spreadMs: 3_600_000, reason: "later" });
  await server.close({ code: 1001 });
  await within(Promise.all(codes), "all closes");
  await within(slow, "the first close");
  expect(server.clients.size).toBe(0);
});

test("a certificate is replaced without dropping anybody", async () => {
  const certificates = makeCertificates();
  const { cert, key } = certificates.good;
  const server = new TlsServer("127.0.0.1", 0, { tls: { cert, key } });
  atEnd(() => server.close());
  await server.opened;
  const port = Number(server.addr().split(":").at(-1));
  const open = async (): Promise<{ fingerprint: string; echo(): Promise<string> }> => {
    const accepting = server.accept();
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    atEnd(() => socket.destroy());
    await within(once(socket, "secureConnect"), "TLS");
    const conn = await within(accepting, "a connection");
    return {
      fingerprint: socket.getPeerCertificate().fingerprint256,
      async echo() {
        const received = once(socket, "data");
        await conn.writeAll("x");
        return String((await within(received, "a byte"))[0]);
      },
    };
  };
  const before = await open();
  const other = certificates.selfSigned;
  server.setTls({ cert: other.cert, key: other.key });
  const after = await open();
  expect(after.fingerprint).not.toBe(before.fingerprint);
  expect([await before.echo(), await after.echo()]).toEqual(["x", "x"]);
  expect(thrown(() => server.setTls({ cert: "no certificate", key })).code).toBe("ERR_ARGUMENT");
  expect(thrown(() => server.setTls({ crt: cert } as never)).code).toBe("ERR_ARGUMENT");
  expect((await open()).fingerprint).toBe(after.fingerprint);
  const plain = new WebSocketServer("127.0.0.1", 0);
  await plain.opened;
  expect(thrown(() => plain.setTls({ cert, key })).code).toBe("ERR_STATE");
  await plain.close();
});

test("servers share a port, or that is refused with a code", async () => {
  const first = new TcpServer("127.0.0.1", 0, { reusePort: true });
  const refused = await first.opened.then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
  const { versions } = process;
  const [major = 0, minor = 0] = versions.node.split(".").map(Number);
  const isOld = host === "node" && (major < 22 || (major === 22 && minor < 12) || (major === 23 && minor < 1));
  if (isOld) {
    expect(refused).toBe("ERR_UNSUPPORTED");
    return;
  }
  expect(refused).toBeUndefined();
  atEnd(() => first.close());
  const port = Number(first.addr().split(":").at(-1));
  const second = new TcpServer("127.0.0.1", port, { reusePort: true });
  atEnd(() => second.close());
  await second.opened;
  expect(second.addr()).toBe(first.addr());
});

test("a server takes over a socket that listens already", async () => {
  const outer = createServer().listen(0, "127.0.0.1");
  await once(outer, "listening");
  atEnd(() => outer.close());
  const streams = TcpServer.inherit(outer);
  if (host !== "node") {
    expect((await failure(streams.opened)).code).toBe("ERR_UNSUPPORTED");
    return;
  }
  const server = new WebSocketServer(streams);
  await server.opened;
  const { port } = outer.address() as { port: number };
  expect(server.addr()).toBe(`127.0.0.1:${port}`);
  const client = await wsClient(`ws://127.0.0.1:${port}/`);
  const closed = once(client, "close");
  await server.close();
  expect((await within(closed, "the close"))[0]).toBe(1001);
});
