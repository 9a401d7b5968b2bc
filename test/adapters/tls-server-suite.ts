/** What every adapter with TLS has to pass as server, against node:tls and the openssl program. */
import { X509Certificate } from "node:crypto";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { Port, TlsOptions } from "../../adapters/port.ts";
import { Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { describeWith, findTool, startChild } from "../support/child.ts";
import { differs } from "../support/host.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";
import { attach, FIRST_ACCEPTED, listen, type PortRecorder, writeAll } from "./recorder.ts";
import { certificates, HOST, inFiles, nameOf, plainClient } from "./tls-support.ts";

/** What was read already can be given back to the socket, for TLS to find there. */
const returnsBytes = !differs("starttls-in-one-read");

export function tlsServerSuite(name: string, createPort: () => Port): void {
  afterEach(endPeers);

  describe(`${name}: a TLS server`, () => {
    /** A listener that starts TLS on whatever it accepts, as the engine does. */
    async function serve(tls: TlsOptions): Promise<{ port: Port; recorder: PortRecorder; at: number }> {
      const { port, recorder } = attach(createPort);
      const at = await listen(port, recorder, 1, { tls });
      recorder.onAccepted = (handle) => {
        const result = port.startTls(handle, "", tls);
        if (result !== 0) recorder.observed.push(`refused ${handle} ${result}`);
      };
      recorder.onReceived = (handle, data) => void writeAll(port, recorder, handle, data);
      return { port, recorder, at };
    }

    /** A client of node:tls. */
    function call(at: number, options: object = {}): { socket: TLSSocket; said: Inbox<string> } {
      const said = new Inbox<string>("what the client says");
      const socket = connectTls({ host: HOST, port: at, ca: certificates().ca, ...options });
      socket.on("secureConnect", () => said.push("secure"));
      socket.on("data", (data: Buffer) => said.push(data.toString()));
      socket.on("end", () => said.push("end"));
      socket.on("error", (error: NodeJS.ErrnoException) => said.push(`${error.code}`));
      atEnd(() => socket.destroy());
      return { socket, said };
    }

    test("bytes go both ways, also those that come with the end of the handshake", async () => {
      const { port, recorder, at } = await serve({ ...certificates().good, alpn: ["x", "y"] });
      const { socket, said } = call(at, { ALPNProtocols: ["y", "x"] });
      socket.write("early");
      expect(await said.next()).toBe("secure");
      expect(await said.next()).toBe("early");
      expect(socket.alpnProtocol).toBe("x");
      expect(port.tlsInfo(FIRST_ACCEPTED)).toMatchObject({ alpn: "x", protocol: "TLSv1.3", peerFingerprint: "" });
      socket.end();
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
    });

    test("both halves of TLS end by themselves", async () => {
      const { port, recorder, at } = await serve(certificates().good);
      recorder.onReceived = undefined;
      const { socket, said } = call(at, { allowHalfOpen: true });
      await said.next();
      await recorder.waitFor(`secured ${FIRST_ACCEPTED}`);
      port.shutdown(FIRST_ACCEPTED);
      expect(await said.next()).toBe("end");
      socket.end("the other half");
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
      expect(recorder.text).toBe("the other half");
    });

    test("their half of TLS ends first, ours afterwards", async () => {
      const { port, recorder, at } = await serve(certificates().good);
      recorder.onReceived = undefined;
      const { socket, said } = call(at, { allowHalfOpen: true });
      socket.end("question");
      expect(await said.next()).toBe("secure");
      await recorder.waitFor(`ended ${FIRST_ACCEPTED}`);
      await pause(20);
      await writeAll(port, recorder, FIRST_ACCEPTED, Buffer.from("answer"));
      port.shutdown(FIRST_ACCEPTED);
      expect([await said.next(), await said.next()]).toEqual(["answer", "end"]);
    });

    test.each<[string, ErrorCode, (at: number) => unknown]>([
      ["speaks in the clear", "ERR_TLS", (at) => plainClient(at).write("GET / HTTP/1.1\r\n\r\n")],
      ["goes without a word", "ERR_ENDED", (at) => plainClient(at).end()],
      ["goes in the middle", "ERR_ENDED", (at) => plainClient(at).end(Buffer.from("160301", "hex"))],
      ["trusts nobody", "ERR_TLS", (at) => connectTls({ host: HOST, port: at }).on("error", () => {})],
    ])("a client that %s costs only itself", async (_what, code, behave) => {
      const { recorder, at } = await serve({ ...certificates().good });
      behave(at);
      const error = nameOf(await recorder.endOf(FIRST_ACCEPTED));
      /* Whether the alert or the end comes first is the client's affair. */
      if (code !== error) expect(`${code} ${error}`).toBe("ERR_TLS ERR_ENDED");
      const { socket, said } = call(at);
      expect(await said.next()).toBe("secure");
      socket.write("still here");
      expect(await said.next()).toBe("still here");
    });

    test("a client's certificate is asked for, checked and known", async () => {
      const { ca, good, client, selfSigned, expired } = certificates();
      const { port, recorder, at } = await serve({ ...good, ca, requestCert: true });
      const { said } = call(at, client);
      expect(await said.next()).toBe("secure");
      await recorder.waitFor(`secured ${FIRST_ACCEPTED}`);
      const { fingerprint256 } = new X509Certificate(client.cert);
      expect(port.tlsInfo(FIRST_ACCEPTED)).toMatchObject({ authorized: true, peerFingerprint: fingerprint256 });
      call(at);
      expect(nameOf(await recorder.endOf(FIRST_ACCEPTED + 1))).toBe("ERR_TLS");
      call(at, selfSigned);
      expect(nameOf(await recorder.endOf(FIRST_ACCEPTED + 2))).toBe("ERR_TLS_UNTRUSTED");
      call(at, expired);
      expect(nameOf(await recorder.endOf(FIRST_ACCEPTED + 3))).toBe(
        differs("expired") ? "ERR_TLS_UNTRUSTED" : "ERR_TLS_EXPIRED",
      );
    });

    test("without a certificate it does not listen", () => {
      const { port } = attach(createPort);
      const { good } = certificates();
      for (const tls of [{}, { cert: good.cert }, { key: good.key }, { cert: "x", key: "y" }]) {
        expect(port.open(1, SocketKind.TCP_LISTENER, HOST, 0, {}, tls)).toBe(Errors.ERR_ARGUMENT.value);
        expect(port.cause).toHaveProperty("message");
      }
    });

    test("an abort in the handshake", async () => {
      const { port, recorder, at } = await serve(certificates().good);
      const client = plainClient(at);
      const gone = new Inbox<void>("the end");
      client.on("close", () => gone.push());
      await recorder.waitFor(`accepted ${FIRST_ACCEPTED} by 1`);
      port.close(FIRST_ACCEPTED, Close.ABORT);
      await gone.next();
      await pause(20);
      expect(recorder.observed.all).toHaveLength(2);
    });

    test("options that make no sense leave a connection as it is", async () => {
      const { port, recorder } = attach(createPort);
      const at = await listen(port, recorder, 1);
      recorder.onAccepted = (handle) =>
        recorder.observed.push(`answer ${port.startTls(handle, "", { cert: "no pem", key: "" })}`);
      const client = plainClient(at);
      client.write("plain");
      await recorder.waitFor(`received ${FIRST_ACCEPTED}`);
      expect(recorder.observed.all).toContain(`answer ${Errors.ERR_ARGUMENT.value}`);
      expect(recorder.text).toBe("plain");
    });

    /* With room for no more than the clear text, what came behind it is pushed back to where TLS finds it. */
    test.each(returnsBytes ? [65_536, 8] : [65_536])(
      "TLS right behind bytes in the clear, with room for %d",
      async (room) => {
        const tls = certificates().good;
        const { port, recorder } = attach(createPort, room);
        const at = await listen(port, recorder, 1);
        recorder.onReceived = (handle, data) => {
          recorder.onReceived = undefined;
          if (data.toString() === "STARTTLS") port.startTls(handle, "", tls);
        };
        const plain = plainClient(at);
        await new Promise((resolve) => plain.once("connect", resolve));
        plain.write("STARTTLS");
        if (room > 8) await recorder.waitFor(`received ${FIRST_ACCEPTED}`);
        const { said } = call(at, { socket: plain });
        expect(await said.next()).toBe("secure");
        await recorder.waitFor(`secured ${FIRST_ACCEPTED}`);
        expect(recorder.text).toBe("STARTTLS");
      },
    );

    /* What is not pushed back may not become part of what TLS protects. */
    if (!returnsBytes)
      test("TLS is refused while bytes wait that came before it", async () => {
        const { port, recorder } = attach(createPort, 8);
        const at = await listen(port, recorder, 1);
        recorder.onReceived = (handle) => {
          recorder.onReceived = undefined;
          recorder.observed.push(`answer ${port.startTls(handle, "", certificates().good)}`);
        };
        plainClient(at).write("STARTTLS and more");
        await until(() => recorder.text === "STARTTLS and more", "all of it, in the clear");
        expect(recorder.observed.all).toContain(`answer ${Errors.ERR_TLS_BUFFERED.value}`);
      });

    test("TLS upon a connection that has talked in the clear", async () => {
      const tls = certificates().good;
      const { port, recorder } = attach(createPort);
      const at = await listen(port, recorder, 1);
      recorder.onReceived = (handle, data) => {
        if (data.toString() === "STARTTLS") port.write(handle, [Buffer.from("go")]);
        else void writeAll(port, recorder, handle, data);
        if (data.toString() === "STARTTLS") expect(port.startTls(handle, "", tls)).toBe(0);
      };
      const plain = plainClient(at);
      plain.write("STARTTLS");
      await new Promise((resolve) => plain.once("data", resolve));
      const { socket, said } = call(at, { socket: plain });
      socket.write("protected");
      expect([await said.next(), await said.next()]).toEqual(["secure", "protected"]);
      expect(port.startTls(FIRST_ACCEPTED, "", tls)).toBe(Errors.ERR_STATE.value);
    });
  });

  describeWith(
    findTool("openssl", ["openssl"], ["version"]),
    `${name}: a TLS server and openssl's client`,
    (openssl) => {
      test("the client verifies it and gets its bytes", async () => {
        const { good, ca } = certificates();
        const { port, recorder } = attach(createPort);
        const at = await listen(port, recorder, 1, { tls: good });
        recorder.onAccepted = (handle) => port.startTls(handle, "", good);
        const { cert: authority } = inFiles({ cert: ca, key: "" });
        const trust = ["-CAfile", authority, "-verify_return_error", "-verify_hostname", "localhost"];
        const client = startChild(openssl, ["s_client", "-quiet", "-connect", `${HOST}:${at}`, ...trust]);
        await recorder.waitFor(`secured ${FIRST_ACCEPTED}`);
        await writeAll(port, recorder, FIRST_ACCEPTED, Buffer.from("hello\n"));
        expect(await client.lines.next()).toBe("hello");
        port.close(FIRST_ACCEPTED, Close.ORDERLY);
        expect(await client.ended).toBe(0);
      });
    },
  );
}
