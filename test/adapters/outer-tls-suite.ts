/** TLS with a proxy, and what goes through it, TLS or not: what every adapter with `outerTls` has to pass. */
import { createHash } from "node:crypto";
import { connect } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port, TlsOptions } from "../../adapters/port.ts";
import { Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import type { Certificates, Identity } from "../api/certificates.ts";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { attach, type PortRecorder, writeAll } from "./recorder.ts";
import { certificates, HOST, nameOf, tlsPeer } from "./tls-support.ts";

const MIB = 1_048_576;

/** Passes on what comes by TLS. */
function relay(to: number, identity: Identity): Promise<number> {
  return tlsPeer(identity, (socket) => {
    const onward = connect({ port: to, host: HOST, allowHalfOpen: true });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
}

/** Connects through it; `inner`: TLS with what is behind it. */
function dial(port: Port, recorder: PortRecorder, at: number, outerTls: TlsOptions, inner?: TlsOptions): void {
  const opened = port.open(1, SocketKind.TCP, "localhost", at, { outerTls });
  if (opened !== 0) throw new Error(`opening: ${opened}`);
  atEnd(() => port.close(1, Close.ABORT));
  if (inner === undefined) return;
  recorder.onConnected = () => {
    const result = port.startTls(1, "localhost", inner);
    if (result !== 0) recorder.observed.push(`refused ${result}`);
  };
}

export function outerTlsSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  describe(`${name}: TLS with what is connected to, and`, () => {
    test("TLS within it: bytes go both ways, and the inner one is known", async () => {
      const { ca, good, otherName } = certificates();
      const behind = await tlsPeer({ ...otherName, ALPNProtocols: ["a"] }, (socket) => socket.pipe(socket));
      const { port, recorder } = attach(createPort);
      expect(port.outerTls).toBe(true);
      const inner = { ca, alpn: ["a"], servername: "elsewhere.example" };
      dial(port, recorder, await relay(behind, good), { ca }, inner);
      await recorder.waitFor("secured 1");
      expect(recorder.observed.all).toEqual(["connected 1", "secured 1"]);
      expect(port.tlsInfo(1)).toMatchObject({ alpn: "a", authorized: true });
      await writeAll(port, recorder, 1, Buffer.from("hello"));
      await until(() => recorder.text === "hello", "the echo");
    });

    test("nothing within it: a stream like any other, without TLS of its own", async () => {
      const { ca, good } = certificates();
      const behind = await tcpPeer((socket) => socket.pipe(socket));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, await relay(behind.port, good), { ca });
      await recorder.waitFor("connected 1");
      expect(port.tlsInfo(1)).toBe(undefined);
      await writeAll(port, recorder, 1, Buffer.from("hello"));
      await until(() => recorder.text === "hello", "the echo");
      port.shutdown(1);
      await recorder.waitFor("ended 1");
    });

    test.each([true, false])("megabytes go both ways, and reading stops; TLS within it: %s", async (layered) => {
      const { ca, good } = certificates();
      const data = Buffer.alloc(4 * MIB, "0123456789abcdef-");
      const hash = createHash("sha256");
      let size = 0;
      const behind = (socket: TLSSocket | import("node:net").Socket): void => {
        socket.on("data", (part: Buffer) => {
          hash.update(part);
          size += part.length;
          if (size === data.length) socket.write(data);
        });
      };
      const at = layered ? await tlsPeer(good, behind) : (await tcpPeer(behind)).port;
      const { port, recorder } = attach(createPort);
      dial(port, recorder, await relay(at, good), { ca }, layered ? { ca } : undefined);
      await recorder.waitFor(layered ? "secured 1" : "connected 1");
      await writeAll(port, recorder, 1, data);
      await until(() => size === data.length, "all bytes at the peer");
      expect(hash.digest("hex")).toBe(createHash("sha256").update(data).digest("hex"));
      let stops = 0;
      recorder.onReceived = () => {
        if (stops++ % 50 !== 0) return;
        port.read(1, false);
        setTimeout(() => port.read(1, true), 1);
      };
      await until(() => Buffer.concat(recorder.data).length === data.length, "all bytes here");
      expect(Buffer.concat(recorder.data).equals(data)).toBe(true);
    });

    test.each<[string, ErrorCode, (all: Certificates) => [Identity, TlsOptions]]>([
      ["another name", "ERR_TLS_NAME", ({ ca, otherName }) => [otherName, { ca }]],
      ["self-signed", "ERR_TLS_UNTRUSTED", ({ ca, selfSigned }) => [selfSigned, { ca }]],
      ["not the pinned one", "ERR_TLS_PIN", ({ ca, good }) => [good, { ca, pin: "ab".repeat(32) }]],
    ])("refused before anything is sent: %s", async (_what, code, choose) => {
      const [identity, options] = choose(certificates());
      const behind = new Inbox<Buffer>("bytes");
      const { port: at } = await tcpPeer((socket) => socket.on("data", behind.push));
      const { port, recorder } = attach(createPort);
      dial(port, recorder, await relay(at, identity), options);
      expect(nameOf(await recorder.endOf(1))).toBe(code);
      expect(recorder.observed.all).toHaveLength(1);
      expect(recorder.causes).toEqual([
        expect.objectContaining({ message: expect.stringMatching(/^TLS with the proxy: [^\n]+$/) }),
      ]);
      expect(behind.all).toEqual([]);
    });

    test("what is within it is verified by itself", async () => {
      const { ca, good, selfSigned } = certificates();
      const { port, recorder } = attach(createPort);
      dial(port, recorder, await relay(await tlsPeer(selfSigned), good), { ca }, { ca });
      expect(nameOf(await recorder.endOf(1))).toBe("ERR_TLS_UNTRUSTED");
      expect(recorder.observed.all).toHaveLength(2);
    });

    test("a peer that goes without a word, and options that make no sense", async () => {
      const { ca } = certificates();
      const silent = await tcpPeer((socket) => socket.end());
      const { port, recorder } = attach(createPort);
      dial(port, recorder, silent.port, { ca });
      expect(nameOf(await recorder.endOf(1))).toBe("ERR_ENDED");
      expect(recorder.observed.all).toHaveLength(1);
      const refused = port.open(2, SocketKind.TCP, HOST, 9, { outerTls: { ca: "no pem" } });
      expect(refused).toBe(Errors.ERR_ARGUMENT.value);
    });

    test.each([Close.ABORT, Close.ORDERLY])(
      "closed (%d) in the middle of the handshake: nothing is left",
      async (how) => {
        const { ca } = certificates();
        const silent = await tcpPeer((socket) => socket.resume());
        const { port, recorder } = attach(createPort);
        port.open(1, SocketKind.TCP, HOST, silent.port, { outerTls: { ca } });
        await until(() => silent.sockets.size === 1, "the connection");
        await pause(20);
        port.close(1, how);
        await until(() => silent.sockets.size === 0, "its end");
        expect(recorder.observed.all).toEqual([]);
      },
    );
  });
}
