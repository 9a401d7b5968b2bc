/**
 * The sample programs of the specification's documents 002, 003 and 004, each as a program of its own against peers that were not
 * written here.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTls } from "node:tls";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { type Child, findTool, portFrom, startChild } from "../support/child.ts";
import { inspected } from "../support/host.ts";
import { atEnd, endPeers, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";
import { makeCertificates } from "./certificates.ts";
import { type Mirrored, mirror, nodePeer } from "./http/support.ts";
import { all, text } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "twinwire-samples-"));
const { program: openssl } = findTool("openssl", ["openssl"], ["version"]);
if (openssl === undefined) throw new Error("these tests need openssl, of the Debian package openssl");
const pki = makeCertificates();
/* The samples trust whom the system trusts; a runtime lets one more authority be named. */
const authority = join(folder, "ca.pem");
writeFileSync(authority, pki.ca);

/* Of the file that imports this, for all suites in it. */
afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

/** Waits until the program has ended by itself, without a complaint. */
async function ended({ ended, errors }: Child): Promise<void> {
  expect(await within(ended, "the end of the program")).toBe(0);
  expect(errors.all).toEqual([]);
}

/** A client of node:net. */
function client(port: number): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  atEnd(() => socket.destroy());
  return socket;
}

/** `command`: the program, and its first arguments, that a sample is started with. */
export function samplesSuite(command: (sample: string) => readonly string[]): void {
  function run(name: string, ...args: (string | number)[]): Child {
    const [program = "", ...first] = command(name);
    const env = { NODE_EXTRA_CA_CERTS: authority, DENO_CERT: authority };
    return startChild(program, [...first, ...args.map(String)], env);
  }

  describe("002", () => {
    test("TCP client", async () => {
      const { port } = await tcpPeer((socket) => socket.on("data", (data) => socket.end(`you said ${data}`)));
      const program = run("spec-002-tcp-client", "localhost", port);
      await ended(program);
      expect(program.lines.all).toEqual([`127.0.0.1:${port}`, "you said HELLO", ""]);
    });

    test("TLS client", async () => {
      const server = createTls(pki.good, (socket) => {
        socket.on("error", () => {});
        socket.once("data", (data) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${data.toString().split("\r\n")[1]}`));
      });
      server.listen(0, "127.0.0.1");
      await new Promise<void>((done) => server.once("listening", () => done()));
      atEnd(() => void server.close());
      const program = run("spec-002-tls-client", "localhost", (server.address() as { port: number }).port);
      await ended(program);
      expect(program.lines.all).toEqual(["true", "HTTP/1.1 200 OK", "", "Host: localhost"]);
    });

    test("STARTTLS", async () => {
      const tls = createTls(pki.good, (socket) => {
        socket.on("error", () => {});
        socket.once("data", (data) => socket.end(data.toString() === "QUIT\r\n" ? "221 bye\r\n" : "500 what?\r\n"));
      });
      const { port } = await tcpPeer((socket) => {
        socket.write("220 mail.example ESMTP\r\n");
        socket.once("data", () => {
          socket.write("250-mail.example\r\n250 STARTTLS\r\n");
          socket.once("data", () => {
            socket.write("220 go ahead\r\n");
            tls.emit("connection", socket);
          });
        });
      });
      const program = run("spec-002-starttls", "localhost", port);
      await ended(program);
      expect(program.lines.all).toEqual([
        ...["220 mail.example ESMTP", "250-mail.example", "250 STARTTLS", "220 go ahead"],
        ...["false", "true", "221 bye"],
      ]);
    });

    test("TCP server", async () => {
      const program = run("spec-002-tcp-server", "127.0.0.1", 0);
      const port = await portFrom(program.lines, /^Listening on 127\.0\.0\.1:(\d+)$/);
      for (const name of ["one", "two"]) {
        const socket = client(port);
        const got = all(socket);
        socket.write(name);
        expect(text(await got)).toBe("OK\n");
        expect(await program.lines.next()).toBe(`New connection from 127.0.0.1:${socket.localPort}`);
        expect(await program.lines.next()).toBe(`Received: ${name}`);
      }
      expect(program.errors.all).toEqual([]);
    });

    test("DNS resolution", async () => {
      const program = run("spec-002-resolve", "localhost");
      await ended(program);
      expect(program.lines.all).toHaveLength(1);
      expect(program.lines.all[0]).toMatch(/^(127\.0\.0\.1|::1)$/);
    });

    test("timeouts and deadlines", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const { port } = await tcpPeer(accepted.push);
      const program = run("spec-002-deadlines", "127.0.0.1", port, 200);
      const got = all(await accepted.next());
      await ended(program);
      expect(program.lines.all).toEqual(["too late"]);
      expect(text(await got)).toBe("still here\n");
    });

    test("echo server", async () => {
      const program = run("spec-002-echo-server", "127.0.0.1", 0);
      const port = await portFrom(program.lines, /^Echo server listening on 127\.0\.0\.1:(\d+)$/);
      const sockets = Array.from({ length: 5 }, () => client(port));
      const sent = Buffer.alloc(300_000, "echo ");
      const got = sockets.map((socket) => all(socket));
      for (const socket of sockets) socket.end(sent);
      for (const echo of await Promise.all(got)) expect(echo.equals(sent)).toBe(true);
      await until(() => program.lines.all.filter((line) => line === "Client disconnected").length === 5, "five ends");
      client(port).resetAndDestroy();
      const last = client(port);
      last.end("still there");
      expect(text(await all(last))).toBe("still there");
      expect(program.errors.all).toEqual([]);
    });

    test("HTTPS GET by hand", async () => {
      const server = createHttps(pki.good, (request, response) => response.end(`you asked for ${request.url}, 東京`));
      server.listen(0, "127.0.0.1");
      await new Promise<void>((done) => server.once("listening", () => done()));
      atEnd(() => void server.close());
      const program = run("spec-002-http-get", "localhost", "/a?b", (server.address() as { port: number }).port);
      await ended(program);
      expect(program.lines.all[0]).toBe("HTTP/1.1 200 OK");
      expect(program.lines.all).toContain("you asked for /a?b, 東京");
    });
  });

  describe("003", () => {
    test("TcpStream", async () => {
      const { port } = await tcpPeer((socket) => socket.pipe(socket));
      const program = run("spec-003-tcp-stream", `127.0.0.1:${port}`);
      await ended(program);
      const said = inspected(program.lines.all.join(" "));
      expect(said).toContain(`value: '127.0.0.1:${port}'`);
      expect(said).toMatch(/ wrote 5 bytes \[104, 101, 108, 108, 111\] {ok: false, error: 'would block'} false$/);
      const refused = run("spec-003-tcp-stream", "127.0.0.1:1");
      await ended(refused);
      expect(refused.lines.all[0]).toMatch(/^error: ERR_REFUSED: connecting to 127\.0\.0\.1:1: /);
    });

    test("TcpListener", async () => {
      const program = run("spec-003-tcp-listener", "127.0.0.1:0");
      const port = await portFrom(program.lines, /^127\.0\.0\.1:(\d+)$/);
      for (const name of ["Ada", "Grüße"]) {
        const socket = client(port);
        const got = all(socket);
        socket.write(`${name}\n`);
        expect(text(await got)).toBe(`hello, ${name}\n`);
      }
      expect(program.errors.all).toEqual([]);
    });

    test("UdpSocket", async () => {
      const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      const program = run("spec-003-udp-socket", `127.0.0.1:${port}`);
      await ended(program);
      expect(program.lines.all[0]).toMatch(/^bound to 127\.0\.0\.1:\d+$/);
      expect(program.lines.all[1]).toBe(`112,105,110,103 from 127.0.0.1:${port}`);
    });

    test("HTTP client", async () => {
      const { url } = await nodePeer(mirror);
      const program = run("spec-003-http-client", `${url}/items`);
      await ended(program);
      const [first, second = ""] = program.lines.all;
      expect(first).toBe("200 application/json");
      const { method, headers, body } = JSON.parse(second) as Mirrored;
      expect({ method, body }).toEqual({ method: "POST", body: '{"name":"lamp","tags":["new"]}' });
      expect(headers).toMatchObject({ "x-request-id": "42" });
      const refused = run("spec-003-http-client", "http://127.0.0.1:1/");
      await ended(refused);
      expect(refused.lines.all[0]).toMatch(/^error: ERR_REFUSED: connecting to 127\.0\.0\.1:1: /);
    });

    test("HTTP server", async () => {
      const program = run("spec-003-http-server", "127.0.0.1:0");
      const port = await portFrom(program.lines, /^127\.0\.0\.1:(\d+)$/);
      for (const body of [null, { a: [1] }]) {
        const init = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
        const response = await fetch(`http://127.0.0.1:${port}/p?q=1`, init);
        expect(response.headers.get("content-type")).toBe("application/json");
        const method = body === null ? "GET" : "POST";
        expect(await response.json()).toEqual({ method, path: "/p", query: "q=1", body });
      }
      expect(program.errors.all).toEqual([]);
    });
  });

  describe("004", () => {
    test("a client that reads text, over TCP and Unix", async () => {
      const { port } = await tcpPeer((socket) => socket.end("Grüße, 東京"));
      const program = run("spec-004-client", "tcp", `127.0.0.1:${port}`);
      await ended(program);
      expect(program.lines.all).toEqual(["Grüße, 東京"]);
      const path = join(folder, "client.sock");
      const { createServer } = await import("node:net");
      const server = createServer((socket) => void socket.end("by a path"));
      server.listen(path);
      await new Promise<void>((done) => server.once("listening", () => done()));
      atEnd(() => void server.close());
      const other = run("spec-004-client", "unix", path);
      await ended(other);
      expect(other.lines.all).toEqual(["by a path"]);
    });

    test("accept in the background, with a channel", async () => {
      const program = run("spec-004-accept", "tcp", "127.0.0.1:0");
      const port = await portFrom(program.lines, /^127\.0\.0\.1:(\d+)$/);
      for (const [index, word] of ["one", "two", "stop"].entries()) {
        const socket = client(port);
        const got = all(socket);
        socket.write(`${word}\n`);
        expect(text(await got)).toBe(`you are number ${index + 1}\n`);
        socket.end();
        expect(await program.lines.next()).toBe(`received: ${word}`);
      }
      await ended(program);
      expect(program.lines.all.at(-1)).toBe("3 connections");
    });
  });
}
