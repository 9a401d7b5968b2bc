/** What every adapter with TLS has to pass as client, against node:tls and the openssl program. */
import { createHash, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TlsOptions as ServerOptions, TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port, TlsOptions } from "../../adapters/port.ts";
import { Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import type { Certificates } from "../api/certificates.ts";
import { describeWith, findTool, portFrom, startChild } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { endPeers, gate, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { attach, writeAll } from "./recorder.ts";
import { certificates, dial, HOST, inFiles, nameOf, tlsPeer, type Way } from "./tls-support.ts";

const MIB = 1_048_576;

export function tlsClientSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  describe.each<Way>(["from the start", "in place"])(`${name}: a TLS client, %s`, (way) => {
    test("bytes go both ways, and what was agreed on is known", async () => {
      const { ca, good } = certificates();
      const at = await tlsPeer({ ...good, ALPNProtocols: ["b", "a"] }, (socket) => socket.pipe(socket));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, at, { ca, alpn: ["a", "c"] }, way);
      expect(port.tlsInfo(1)).toBe(undefined);
      await recorder.waitFor("secured 1");
      expect(recorder.observed.all).toEqual(["connected 1", "secured 1"]);
      expect(port.tlsInfo(1)).toEqual({
        alpn: "a",
        protocol: "TLSv1.3",
        cipher: expect.stringMatching(/^TLS_/),
        peerFingerprint: new X509Certificate(good.cert).fingerprint256,
        authorized: true,
      });
      await writeAll(port, recorder, 1, Buffer.from("hello"));
      await until(() => recorder.text === "hello", "the echo");
    });

    test.each<[string, ErrorCode, (all: Certificates) => [ServerOptions, TlsOptions]]>([
      ["another name", "ERR_TLS_NAME", ({ ca, otherName }) => [otherName, { ca }]],
      ["not that address", "ERR_TLS_NAME", ({ ca, good }) => [good, { ca, servername: "192.0.2.7" }]],
      ["a wrong servername", "ERR_TLS_NAME", ({ ca, good }) => [good, { ca, servername: "wrong.example" }]],
      ["expired", differs("expired") ? "ERR_TLS_UNTRUSTED" : "ERR_TLS_EXPIRED", ({ ca, expired }) => [expired, { ca }]],
      ["self-signed", "ERR_TLS_UNTRUSTED", ({ ca, selfSigned }) => [selfSigned, { ca }]],
      ["an authority that nobody knows", "ERR_TLS_UNTRUSTED", ({ good }) => [good, {}]],
      ["not the pinned one", "ERR_TLS_PIN", ({ ca, good }) => [good, { ca, pin: "ab".repeat(32) }]],
      ["not the pinned one, unverified", "ERR_TLS_PIN", ({ good }) => [good, { pin: "", rejectUnauthorized: false }]],
      [
        "no common version",
        "ERR_TLS",
        ({ ca, good }) => [
          { ...good, maxVersion: "TLSv1.2" },
          { ca, minVersion: "TLSv1.3" },
        ],
      ],
      [
        "no common protocol",
        "ERR_TLS",
        ({ ca, good }) => [
          { ...good, ALPNProtocols: ["b"] },
          { ca, alpn: ["a"] },
        ],
      ],
    ])("refused: %s", async (_what, code, choose) => {
      const [server, client] = choose(certificates());
      const at = await tlsPeer(server);
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, at, client, way, "localhost");
      expect(nameOf(await recorder.endOf(1))).toBe(code);
      expect(recorder.observed.all).toHaveLength(2);
      expect(recorder.causes).toEqual([expect.objectContaining({ message: expect.stringMatching(/^[^\n]+$/) })]);
    });

    test.each<[string, (all: Certificates) => [ServerOptions, TlsOptions]]>([
      ["the name by servername", ({ ca, otherName }) => [otherName, { ca, servername: "elsewhere.example" }]],
      ["unverified", ({ expired }) => [expired, { rejectUnauthorized: false }]],
      [
        "a self-signed one as its own authority",
        ({ selfSigned }) => [selfSigned, { ca: [Buffer.from(selfSigned.cert)] }],
      ],
      [
        "an authority in DER",
        ({ selfSigned }) => [selfSigned, { ca: new Uint8Array(new X509Certificate(selfSigned.cert).raw) }],
      ],
      ["pinned, with colons", ({ ca, good }) => [good, { ca, pin: new X509Certificate(good.cert).fingerprint256 }]],
      [
        "pinned, unverified, plain hex",
        ({ selfSigned }) => [selfSigned, { rejectUnauthorized: false, pin: pinOf(selfSigned.cert) }],
      ],
      ["TLS 1.2", ({ ca, good }) => [{ ...good, maxVersion: "TLSv1.2" }, { ca }]],
    ])("accepted: %s", async (_what, choose) => {
      const [server, client] = choose(certificates());
      const at = await tlsPeer(server);
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, at, client, way);
      await recorder.waitFor("secured 1");
      expect(port.tlsInfo(1)?.authorized).toBe(client.rejectUnauthorized !== false);
    });

    test("the name goes to the server, but not that of a literal address", async () => {
      const { ca, good } = certificates();
      const names = new Inbox<string>("a name");
      const at = await tlsPeer(good, (socket) => names.push(socket.servername || "none"));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, at, { ca }, way, "localhost");
      expect(await names.next()).toBe("localhost");
      dial(port, recorder, 2, at, { ca }, way, HOST);
      expect(await names.next()).toBe("none");
      dial(port, recorder, 3, at, { ca, servername: "elsewhere.example", rejectUnauthorized: false }, way, HOST);
      expect(await names.next()).toBe("elsewhere.example");
    });

    test.each<[string, ErrorCode, (socket: Socket) => void]>([
      ["speaks in the clear", "ERR_TLS", (socket) => socket.write("220 this is no TLS, it is SMTP\r\n")],
      ["goes without a word", "ERR_ENDED", (socket) => socket.end()],
      [
        "resets",
        differs("reset-in-handshake") ? "ERR_ENDED" : "ERR_RESET",
        (socket) => socket.once("data", () => socket.resetAndDestroy()),
      ],
    ])("a peer that %s", async (_what, code, behave) => {
      const peer = await tcpPeer(behave);
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, peer.port, { ca: certificates().ca }, way);
      expect(nameOf(await recorder.endOf(1))).toBe(code);
      expect(recorder.observed.all).toHaveLength(2);
    });

    test("options that make no sense are refused at once", () => {
      const { port } = attach(createPort);
      const { good, otherName } = certificates();
      const bad: TlsOptions[] = [{ ca: "no pem" }, { cert: "no pem" }, { cert: good.cert, key: otherName.key }];
      for (const options of bad) {
        expect(port.open(1, SocketKind.TCP, HOST, 9, {}, options)).toBe(Errors.ERR_ARGUMENT.value);
        expect(port.cause).toHaveProperty("message");
      }
    });

    test("options that make no sense leave a connection as it is", async () => {
      const peer = await tcpPeer((socket) => socket.pipe(socket));
      const { port, recorder } = attach(createPort);
      port.open(1, SocketKind.TCP, HOST, peer.port, {});
      await recorder.waitFor("connected 1");
      expect(port.startTls(1, "", { ca: "no pem" })).toBe(Errors.ERR_ARGUMENT.value);
      await writeAll(port, recorder, 1, Buffer.from("plain"));
      await until(() => recorder.text === "plain", "the echo");
      port.close(1, Close.ABORT);
    });

    test("bytes are borrowed until they are reported, whoever is slow", async () => {
      const { ca, good } = certificates();
      const peers = new Inbox<TLSSocket>("a connection");
      const before = await gate(await tlsPeer(good, peers.push));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, before.port, { ca }, way);
      await recorder.waitFor("secured 1");
      const peer = await peers.next();
      before.shut();
      const data = Buffer.alloc(8 * MIB, "a");
      const hash = createHash("sha256").update(data).digest("hex");
      let done = false;
      const written = writeAll(port, recorder, 1, data).then(() => {
        done = true;
      });
      await pause(50);
      expect(done).toBe(false); /* it waits for the peer */
      const got = createHash("sha256");
      let size = 0;
      peer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        got.update(chunk);
      });
      before.open();
      await written;
      data.fill("b");
      await until(() => size === data.length, "all bytes");
      expect(got.digest("hex")).toBe(hash);
    });

    test.each([20_000, MIB])("reading stops, and what waits of %d bytes is not lost", async (size) => {
      const { ca, good } = certificates();
      const at = await tlsPeer(good, (socket) => socket.end(Buffer.alloc(size, "abcd")));
      const { port, recorder } = attach(createPort, 5000);
      dial(port, recorder, 1, at, { ca }, way);
      recorder.onReceived = () => port.read(1, false);
      await recorder.waitFor("received 1");
      await pause(50);
      expect(recorder.observed.all).toEqual(["connected 1", "secured 1", "received 1"]);
      recorder.onReceived = undefined;
      port.read(1, true);
      await recorder.waitFor("ended 1");
      expect(recorder.observed.all.at(-1)).toBe("ended 1");
      expect(recorder.text).toBe("abcd".repeat(size / 4));
    });

    test.each([Close.ORDERLY, Close.ABORT])("nothing is delivered after a close (%s)", async (how) => {
      const { ca, good } = certificates();
      const ended = new Inbox<string>("the end");
      const at = await tlsPeer(good, (socket) => {
        socket.on("end", () => ended.push("end"));
        socket.on("error", () => ended.push("error"));
        socket.on("close", () => ended.push("close"));
        socket.resume();
        setInterval(() => socket.destroyed || socket.write("more and more"), 1).unref();
      });
      const { port, recorder } = attach(createPort);
      dial(port, recorder, 1, at, { ca }, way);
      await recorder.waitFor("received 1");
      port.close(1, how);
      const observed = recorder.observed.all.length;
      await ended.next();
      await pause(20);
      expect(recorder.observed.all).toHaveLength(observed);
    });

    test("an orderly close in the handshake, and an abort", async () => {
      for (const how of [Close.ORDERLY, Close.ABORT]) {
        const ended = new Inbox<void>("the end");
        const peer = await tcpPeer((socket) => {
          socket.resume();
          socket.on("close", () => ended.push());
        });
        const { port, recorder } = attach(createPort);
        dial(port, recorder, 1, peer.port, {}, way);
        await recorder.waitFor("connected 1");
        await pause(20);
        port.close(1, how);
        await ended.next();
        expect(recorder.observed.all).toEqual(["connected 1"]);
      }
    });
  });

  describeWith(
    findTool("openssl", ["openssl"], ["version"]),
    `${name}: a TLS client and openssl's server`,
    (openssl) => {
      test("bytes go both ways", async () => {
        const { good, ca } = certificates();
        const { cert, key } = inFiles(good);
        const server = startChild(openssl, ["s_server", "-accept", `${HOST}:0`, "-rev", "-cert", cert, "-key", key]);
        const { port, recorder } = attach(createPort);
        dial(port, recorder, 1, await portFrom(server.lines, /ACCEPT .*:(\d+)$/), { ca }, "from the start");
        await recorder.waitFor("secured 1");
        await writeAll(port, recorder, 1, Buffer.from("stressed\n"));
        await until(() => recorder.text === "desserts\n", "the answer");
      });
    },
  );
}

function pinOf(cert: string): string {
  return new X509Certificate(cert).fingerprint256.replaceAll(":", "").toLowerCase();
}
