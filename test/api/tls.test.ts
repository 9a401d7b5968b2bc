/** TLS of the connection API: from the start and in place, against node:tls and against ourselves. */

import { X509Certificate } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer as createTcp, type Socket } from "node:net";
import { connect as connectTls, createServer, type TlsOptions as NodeTlsOptions, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import { TcpConnection, TcpServer, TlsConnection, type TlsOptions, TlsServer, type TwinwireError } from "twinwire";
import { findTool } from "../support/child.ts";
import { wire } from "../support/faults.ts";
import { differs, host } from "../support/host.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until, within } from "../support/wait.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { echoPeer, facts, failure, pattern, text, thrown } from "./support.ts";

const { program } = findTool("openssl", ["openssl"], ["version"]);
if (program === undefined) throw new Error("these tests need openssl, of the Debian package openssl");
const pki: Certificates = makeCertificates();
const pinOf = (cert: string): string => new X509Certificate(cert).fingerprint256;

afterEach(endPeers);

/** A TLS server of Node that sends back what it gets; its port. */
async function tlsPeer(
  options: NodeTlsOptions,
  accept = (socket: TLSSocket) => void socket.pipe(socket),
): Promise<number> {
  const server = createServer({ ...options, allowHalfOpen: true } as NodeTlsOptions, (socket) => {
    socket.on("error", () => {});
    accept(socket);
  });
  server.on("tlsClientError", () => {});
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await new Promise<void>((done) => server.once("listening", () => done()));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

/** A TLS server of ours that sends back what it gets; its port. */
async function ourPeer(
  tls: TlsOptions,
  errors?: (error: TwinwireError) => void,
): Promise<{ server: TlsServer; port: number }> {
  const server = new TlsServer("127.0.0.1", 0, { tls, onError: errors });
  atEnd(() => server.close());
  await within(server.opened, "listening");
  return { server, port: Number(server.addr().split(":")[1]) };
}

describe("a client", () => {
  test("verifies, and is protected from the first byte", async () => {
    const port = await tlsPeer({ ...pki.good, ALPNProtocols: ["two", "one"] });
    const conn = new TlsConnection("localhost", port, { tls: { ca: pki.ca, alpn: ["one", "two"] } });
    expect(conn.isTLS()).toBe(true);
    await conn.writeAll(pattern(300_000));
    expect(Buffer.from(await conn.readExact(300_000)).equals(pattern(300_000))).toBe(true);
    expect(conn.tlsInfo).toEqual({
      alpn: "two",
      protocol: "TLSv1.3",
      cipher: expect.stringMatching(/^TLS_/),
      peerFingerprint: pinOf(pki.good.cert),
      authorized: true,
    });
    await conn.closeWrite();
    expect(await conn.read(1)).toHaveLength(0);
    conn.close();
    await within(conn.closed, "closed");
    expect(conn.tlsInfo).toBe(undefined);
  });

  test.each([
    ["another name", "ERR_TLS_NAME", () => pki.otherName, {}],
    ["expired", differs("expired") ? "ERR_TLS_UNTRUSTED" : "ERR_TLS_EXPIRED", () => pki.expired, {}],
    ["self-signed", "ERR_TLS_UNTRUSTED", () => pki.selfSigned, {}],
    ["of an authority that nobody trusts", "ERR_TLS_UNTRUSTED", () => pki.good, { ca: undefined }],
    ["not the pinned one", "ERR_TLS_PIN", () => pki.good, { pin: "00".repeat(32) }],
    [
      "not the pinned one, and nothing else is checked",
      "ERR_TLS_PIN",
      () => pki.selfSigned,
      { pin: "AB".repeat(32), rejectUnauthorized: false },
    ],
  ] as const)("a certificate that is %s: %s", async (_, code, identity, options) => {
    const port = await tlsPeer(identity());
    const conn = new TlsConnection("localhost", port, { tls: { ca: pki.ca, ...options } });
    const reading = conn.read(1);
    const error = await failure(conn.opened);
    expect(facts(error)).toEqual({ code, step: "tls", address: `localhost:${port}` });
    expect(error.message).toContain(`TLS with localhost:${port}`);
    expect(await failure(reading)).toBe(error);
    await within(conn.closed, "closed");
  });

  test("what is not verified is not: rejectUnauthorized, servername, a pin, an IP address", async () => {
    const selfSigned = await tlsPeer(pki.selfSigned);
    const trusting = new TlsConnection("localhost", selfSigned, { tls: { rejectUnauthorized: false } });
    await within(trusting.opened, "opened");
    expect(trusting.tlsInfo?.authorized).toBe(false);
    trusting.close();
    const pin = pinOf(pki.selfSigned.cert).replaceAll(":", "").toLowerCase();
    const pinned = new TlsConnection("localhost", selfSigned, { tls: { rejectUnauthorized: false, pin } });
    await within(pinned.opened, "opened");
    pinned.close();
    const elsewhere = await tlsPeer(pki.otherName);
    const named = new TlsConnection("localhost", elsewhere, { tls: { ca: pki.ca, servername: "elsewhere.example" } });
    await within(named.opened, "opened");
    named.close();
    const byAddress = new TlsConnection("127.0.0.1", await tlsPeer(pki.good), { tls: { ca: Buffer.from(pki.ca) } });
    await within(byAddress.opened, "opened");
    byAddress.close();
  });

  test("TLS to a server that speaks none, and the other way round", async () => {
    const { port } = await tcpPeer((socket) => socket.end("220 plain text\r\n"));
    const conn = new TlsConnection("localhost", port);
    const error = await failure(conn.opened);
    expect(facts(error)).toEqual({ code: "ERR_TLS", step: "tls", address: `localhost:${port}` });
    const { port: mute } = await tcpPeer((socket) => socket.end());
    expect((await failure(new TlsConnection("localhost", mute).opened)).code).toMatch(/^ERR_(ENDED|RESET|TLS)$/);
    const plain = new TcpConnection("127.0.0.1", await tlsPeer(pki.good));
    await plain.writeAll("GET / HTTP/1.1\r\n\r\n");
    const alert = await plain.read(100).catch((error: TwinwireError) => error.code);
    if (typeof alert === "string") expect(alert).toBe("ERR_RESET");
    else expect([0, 0x15]).toContain(alert[0] ?? 0);
    plain.close();
  });

  test("options that are no good, and a refused connection", async () => {
    for (const tls of [{ ca: "no PEM" }, { pin: "AB" }, { key: 1 as unknown as string }]) {
      expect(thrown(() => new TlsConnection("localhost", 1, { tls })).code).toBe("ERR_ARGUMENT");
    }
    const pem = "-----BEGIN CERTIFICATE-----\nno certificate\n-----END CERTIFICATE-----\n";
    const bad = new TlsConnection("localhost", await tlsPeer(pki.good), { tls: { cert: pem, key: pem } });
    const error = await failure(bad.opened);
    expect(["ERR_TLS", "ERR_ARGUMENT", "ERR_HOST"]).toContain(error.code);
    const { port, close } = await echoPeer();
    await close();
    const refused = await failure(new TlsConnection("localhost", port).opened);
    expect(facts(refused)).toEqual({ code: "ERR_REFUSED", step: "connect", address: `localhost:${port}` });
  });
});

describe("a server", () => {
  test("serves node:tls and ourselves", async () => {
    const { server, port } = await ourPeer({ ...pki.good, alpn: ["echo"] });
    const client = connectTls({
      port,
      host: "localhost",
      ca: pki.ca,
      ALPNProtocols: ["echo"],
      servername: "localhost",
    });
    client.on("error", () => {});
    atEnd(() => client.destroy());
    const accepted = await within(server.accept(), "node:tls");
    expect([accepted.isTLS(), accepted.tlsInfo?.alpn]).toEqual([true, "echo"]);
    client.write("hi");
    expect(text(await accepted.read(10))).toBe("hi");
    const conn = new TlsConnection("localhost", port, { tls: { ca: pki.ca } });
    const ours = await within(server.accept(), "ourselves");
    await Promise.all([conn.writeAll(pattern(1_000_000)), ours.readExact(1_000_000)]);
    await ours.writeAll("done");
    ours.close();
    expect(text(await conn.readExact(4))).toBe("done");
    expect(await conn.read(1)).toHaveLength(0);
    conn.close();
  });

  test("asks for a certificate, and reports handshakes that fail while it goes on", async () => {
    const errors = new Inbox<TwinwireError>("an error");
    const { server, port } = await ourPeer({ ...pki.good, ca: pki.ca, requestCert: true }, errors.push);
    const without = new TlsConnection("localhost", port, { tls: { ca: pki.ca } });
    /* A client of TLS 1.3 is done before the server has looked at its certificate. */
    await failure(without.opened.then(() => without.readExact(1)));
    const error = await errors.next();
    expect(error.step).toBe("tls");
    expect(error.code).toMatch(/^ERR_TLS/);
    expect(error.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const plain = new TcpConnection("127.0.0.1", port);
    await plain.writeAll("GET / HTTP/1.1\r\n\r\n");
    expect(["ERR_TLS", "ERR_RESET", "ERR_ENDED"]).toContain((await errors.next()).code);
    plain.close();
    const conn = new TlsConnection("localhost", port, { tls: { ca: pki.ca, ...pki.client } });
    const accepted = await within(server.accept(), "a client with a certificate");
    expect(accepted.tlsInfo?.peerFingerprint).toBe(pinOf(pki.client.cert));
    conn.close();
    accepted.close();
  });

  test("without a certificate it can't listen", async () => {
    const error = await failure(new TlsServer("127.0.0.1", 0, { tls: {} }).opened);
    expect(error.step).toBe("open");
    expect(error.message).toContain("cert");
    const none = new TlsServer("127.0.0.1", 0, undefined as never);
    expect((await failure(none.opened)).step).toBe("open");
  });

  test("over a Unix socket", async () => {
    const path = `/tmp/twinwire-tls-${process.pid}`;
    const server = TlsServer.unix(path, { tls: pki.good });
    atEnd(() => server.close());
    await server.opened;
    const conn = TlsConnection.unix(path, { tls: { ca: pki.ca, servername: "localhost" } });
    const accepted = await within(server.accept(), "a connection");
    await conn.writeAll("private");
    expect(text(await accepted.read(10))).toBe("private");
    conn.close();
    accepted.close();
  });
});

describe("in place", () => {
  /** A client and a server of ours on one plain connection. */
  async function plainPair(): Promise<{ client: TcpConnection; server: TcpConnection }> {
    const listener = new TcpServer("127.0.0.1", 0);
    atEnd(() => listener.close());
    await listener.opened;
    const client = new TcpConnection("localhost", Number(listener.addr().split(":")[1]));
    const server = await within(listener.accept(), "a connection");
    atEnd(() => client.close());
    atEnd(() => server.close());
    return { client, server };
  }

  test("STARTTLS between two of ours", async () => {
    const { client, server } = await plainPair();
    const serving = (async () => {
      expect(text(await server.readExact(8))).toBe("STARTTLS");
      const upgrading = server.writeAll("GO").then(() => server.upgradeToTLS("", pki.good));
      await upgrading;
      await server.writeAll(await server.readExact(100_000));
    })();
    await client.writeAll("STARTTLS");
    expect(text(await client.readExact(2))).toBe("GO");
    expect(client.isTLS()).toBe(false);
    const upgrading = client.upgradeToTLS("localhost", { ca: pki.ca });
    const early = client.writeAll(pattern(100_000));
    await within(upgrading, "TLS");
    expect([client.isTLS(), client.tlsInfo?.protocol]).toEqual([true, "TLSv1.3"]);
    await early;
    expect(Buffer.from(await client.readExact(100_000)).equals(pattern(100_000))).toBe(true);
    await serving;
    expect((await failure(client.upgradeToTLS("localhost"))).code).toBe("ERR_STATE");
  });

  test("against node:tls, as the host that was connected to", async () => {
    const plain = createTcp((socket) => {
      socket.once("data", () => {
        socket.write("S");
        /* As servers do it: TLS over what is there. */
        tls.emit("connection", socket);
      });
    });
    const tls = createServer(pki.good, (socket) => void socket.pipe(socket));
    plain.listen(0, "127.0.0.1");
    await new Promise<void>((done) => plain.once("listening", () => done()));
    atEnd(() => void plain.close());
    const conn = new TcpConnection("localhost", (plain.address() as { port: number }).port);
    await conn.writeAll("SSLRequest");
    expect(text(await conn.readExact(1))).toBe("S");
    await within(conn.upgradeToTLS(undefined, { ca: pki.ca }), "TLS");
    await conn.writeAll("now private");
    expect(text(await conn.readExact(11))).toBe("now private");
    conn.close();
  });

  test("it is refused while bytes wait: they would be taken for protected ones", async () => {
    const { client, server } = await plainPair();
    await server.writeAll("GO; and injected");
    expect(text(await client.readExact(2))).toBe("GO");
    const error = await failure(client.upgradeToTLS("localhost", { ca: pki.ca }));
    expect([error.code, error.step]).toEqual(["ERR_TLS_BUFFERED", "tls"]);
    expect(client.isTLS()).toBe(false);
    expect(text(await client.read(100))).toBe("; and injected");
    /* What a readExact has put aside is no less dangerous. */
    const reading = client.readExact(10);
    await server.writeAll("abc");
    await pause(30);
    expect((await failure(client.upgradeToTLS("localhost", { ca: pki.ca }))).code).toBe("ERR_TLS_BUFFERED");
    await server.writeAll("defghij");
    expect(text(await reading)).toBe("abcdefghij");
    await Promise.all([client.upgradeToTLS("localhost", { ca: pki.ca }), server.upgradeToTLS("", pki.good)]);
    await client.writeAll("safe");
    expect(text(await server.read(10))).toBe("safe");
  });

  test("a certificate for another name ends the connection", async () => {
    const { client, server } = await plainPair();
    const reading = client.read(1);
    const serving = failure(server.upgradeToTLS("", pki.good).then(() => server.readExact(1)));
    const error = await failure(client.upgradeToTLS("elsewhere.example", { ca: pki.ca }));
    expect([error.code, error.step]).toEqual(["ERR_TLS_NAME", "tls"]);
    expect(await failure(reading)).toBe(error);
    expect((await failure(client.write("x"))).code).toBe("ERR_TLS_NAME");
    await serving;
    await within(client.closed, "closed");
  });

  test("a peer that never answers: deadline, signal, close", async () => {
    const { port } = await tcpPeer(() => {});
    const late = new TcpConnection("127.0.0.1", port);
    late.setDeadline(100);
    const error = await failure(late.upgradeToTLS("localhost"));
    expect([error.code, error.step]).toEqual(["ERR_DEADLINE", "tls"]);
    expect((await failure(late.read(1))).code).toBe("ERR_DEADLINE");
    const aborted = new TcpConnection("127.0.0.1", port);
    const before = await failure(aborted.upgradeToTLS("localhost", { signal: AbortSignal.abort() }));
    expect(before.code).toBe("ERR_ABORTED");
    await aborted.writeAll("still there");
    const during = await failure(aborted.upgradeToTLS("localhost", { signal: AbortSignal.timeout(60) }));
    expect([during.code, during.step]).toEqual(["ERR_ABORTED", "tls"]);
    expect((await failure(aborted.write("x"))).code).toBe("ERR_ABORTED");
    const closed = new TcpConnection("127.0.0.1", port);
    await closed.opened;
    const upgrading = closed.upgradeToTLS("localhost");
    expect((await failure(closed.upgradeToTLS("localhost"))).code).toBe("ERR_STATE");
    await pause(20);
    closed.close();
    expect((await failure(upgrading)).code).toBe("ERR_STATE");
    const bad = new TcpConnection("127.0.0.1", port);
    expect((await failure(bad.upgradeToTLS(7 as never))).code).toBe("ERR_ARGUMENT");
    expect((await failure(bad.upgradeToTLS("a b"))).code).toBe("ERR_ARGUMENT");
    await bad.writeAll("still there");
    bad.close();
    const refused = new TcpConnection("127.0.0.1", 1);
    expect((await failure(refused.upgradeToTLS("localhost"))).code).toBe("ERR_REFUSED");
  });

  test("what was written before it leaves in the clear, what is written after it does not", async () => {
    const accepted = new Inbox<Socket>("a connection");
    const { port } = await tcpPeer(accepted.push);
    const conn = new TcpConnection("127.0.0.1", port);
    const sent = pattern(3_000_000);
    const writing = conn.writeAll(sent);
    const upgrading = failure(conn.upgradeToTLS("localhost", { ca: pki.ca }));
    const secret = failure(conn.writeAll("a secret"));
    const peer = await accepted.next();
    const parts: Buffer[] = [];
    peer.on("data", (data: Buffer) => parts.push(data));
    await until(() => Buffer.concat(parts).length > sent.length, "all that was written, and the begin of TLS");
    await writing;
    await pause(20);
    const got = Buffer.concat(parts);
    expect(got.subarray(0, sent.length).equals(sent)).toBe(true);
    expect([...got.subarray(sent.length, sent.length + 2)]).toEqual([
      0x16, 0x03,
    ]); /* RFC 8446 5.1: a handshake record */
    expect(got.indexOf("a secret")).toBe(-1);
    peer.end("no TLS here");
    expect((await upgrading).code).toBe("ERR_TLS");
    expect((await secret).code).toBe("ERR_TLS");
  });

  test("one that is refused lets go on what was written behind it", async () => {
    const { client, server } = await plainPair();
    await server.writeAll("early");
    await until(() => client.canRead, "bytes");
    const refused = failure(client.upgradeToTLS("localhost"));
    await client.writeAll("in the clear");
    expect((await refused).code).toBe("ERR_TLS_BUFFERED");
    expect(text(await server.read(100))).toBe("in the clear");
  });
});

describe("the end of a TLS stream", () => {
  interface Ending {
    readonly handle: number;
    readonly clean: boolean;
    readonly unsent: number;
  }

  /** How a connection ends, as it is published. Those of tests before may still be on their way out. */
  function endOf({ handle }: TlsConnection): Inbox<Ending> {
    const inbox = new Inbox<Ending>("a disconnected event");
    const listener = (message: unknown): void => {
      if ((message as Ending).handle === handle) inbox.push(message as Ending);
    };
    subscribe("twinwire:disconnected", listener);
    atEnd(() => unsubscribe("twinwire:disconnected", listener));
    return inbox;
  }

  async function connected(port: number): Promise<TlsConnection> {
    const conn = new TlsConnection("localhost", port, { tls: { ca: pki.ca } });
    await within(conn.opened, "opening");
    return conn;
  }

  test("one that was cut off is not clean", async () => {
    const before = await wire(await tlsPeer(pki.good, () => {}));
    const conn = await connected(before.port);
    const ends = endOf(conn);
    before.break("cut");
    await conn.read(100).catch(() => {});
    conn.close();
    expect(await ends.next()).toMatchObject({ clean: false });
  });

  test("one that we end is clean once the peer has ended, too", async () => {
    const got = new Inbox<number>("the bytes");
    const port = await tlsPeer(pki.good, (socket) => {
      let size = 0;
      socket.on("data", (data: Buffer) => {
        size += data.length;
        if (host === "deno") return; /* a paused TLS socket of Deno's own can lose its end */
        socket.pause();
        setTimeout(() => socket.resume(), 2);
      });
      socket.on("end", () => {
        got.push(size);
        socket.end();
      });
    });
    const conn = await connected(port);
    const ends = endOf(conn);
    await conn.writeAll(pattern(300_000));
    conn.close();
    expect(await got.next()).toBe(300_000);
    expect(await ends.next()).toMatchObject({ clean: true, unsent: 0 });
  });
});
