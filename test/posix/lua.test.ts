/** examples/lua: every sample program of the specification in Lua, against peers that were not written here. */
import { spawnSync } from "node:child_process";
import { createServer as createHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { makeCertificates } from "../api/certificates.ts";
import { samplesSuite } from "../samples/suite.ts";
import { type Child, describeWith, portFrom, startChild, type Tool } from "../support/child.ts";
import { atEnd, endPeers, tcpPeer, udpPeer } from "../support/peers.ts";
import { Inbox, until, within } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools, root, runToEnd } from "./build.ts";

const samples = `${root}examples/lua`;
const flags =
  "-std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsanitize=address,undefined";

function lua(): Tool {
  const tool = buildTools();
  const { status } = spawnSync("pkg-config", ["--exists", "lua5.4"], { stdio: "ignore" });
  return status === 0 ? tool : { program: undefined, from: "liblua5.4-dev pkg-config" };
}

describeWith(lua(), "Lua", () => {
  const pki = makeCertificates();
  let host = "";
  beforeAll(async () => {
    const folder = await buildSanitized();
    host = `${folder}/lua-host`;
    const { stdout } = spawnSync("pkg-config", ["--cflags", "--libs", "lua5.4"], { encoding: "utf8" });
    const paths = ["core-c/include", "c/include", "adapters/posix/include"].map((it) => `-I${root}${it}`);
    const sources = [`${samples}/twinwire.c`, `${root}test/lua/host.c`, `${folder}/libtwinwire.a`];
    const libraries = [...stdout.trim().split(/\s+/), "-lssl", "-lcrypto", "-lz", "-pthread"];
    await runToEnd("cc", [...flags.split(" "), ...paths, ...sources, ...libraries, "-o", host]);
  }, BUILD_PATIENCE);
  afterEach(endPeers);

  function run(name: string, ...args: (string | number)[]): Child {
    const environment = { TWINWIRE_CA: pki.ca };
    return startChild(host, [samples, `${samples}/${name}.lua`, ...args.map(String)], environment);
  }

  async function ended({ ended, errors }: Child): Promise<void> {
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(errors.all).toEqual([]);
  }

  /** Sends a text to a port, and returns all that comes back. */
  async function exchange(port: number, text: string): Promise<string> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    atEnd(() => socket.destroy());
    let got = "";
    const over = new Promise<void>((done) => socket.on("end", done).on("close", () => done()));
    socket.on("data", (data) => {
      got += data.toString();
    });
    socket.end(text);
    await within(over, "the end of the answer");
    socket.destroy();
    return got;
  }

  const listening = async (server: { listen(port: number, host: string): unknown; address(): unknown }) => {
    server.listen(0, "127.0.0.1");
    await until(() => server.address() !== null, "a server");
    return (server.address() as { port: number }).port;
  };

  describe("net and ws", () => samplesSuite((name) => [host, samples, `${samples}/${name}.lua`]));

  describe("std/net", () => {
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
      const port = await listening(server);
      atEnd(() => void server.close());
      const program = run("spec-002-tls-client", "localhost", port);
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
        expect(await exchange(port, name)).toBe("OK\n");
        expect(await program.lines.next()).toMatch(/^New connection from 127\.0\.0\.1:\d+$/);
        expect(await program.lines.next()).toBe(`Received: ${name}`);
      }
      expect(program.errors.all).toEqual([]);
    });

    test("DNS resolution", async () => {
      const program = run("spec-002-resolve", "localhost");
      await ended(program);
      expect(program.lines.all.join()).toMatch(/^(127\.0\.0\.1|::1)$/);
    });

    test("timeouts and deadlines", async () => {
      const accepted = new Inbox<Socket>("a connection");
      const { port } = await tcpPeer(accepted.push);
      const program = run("spec-002-deadlines", "127.0.0.1", port, 200);
      const socket = await accepted.next();
      let got = "";
      socket.on("data", (data) => {
        got += data.toString();
      });
      await ended(program);
      expect(program.lines.all).toEqual(["too late"]);
      await until(() => got === "still here\n", "the second line");
    });

    test("echo server: clients are served at the same time", async () => {
      const program = run("spec-002-echo-server", "127.0.0.1", 0);
      const port = await portFrom(program.lines, /^Echo server listening on 127\.0\.0\.1:(\d+)$/);
      const sent = "echo ".repeat(20_000);
      const echoes = await Promise.all(Array.from({ length: 5 }, () => exchange(port, sent)));
      for (const echo of echoes) expect(echo === sent).toBe(true);
      await until(() => program.lines.all.filter((line) => line === "Client disconnected").length === 5, "five ends");
      expect(program.errors.all).toEqual([]);
    });

    test("HTTPS GET by hand", async () => {
      const server = createHttps(pki.good, (request, response) => response.end(`you asked for ${request.url}, 東京`));
      const port = await listening(server);
      atEnd(() => void server.close());
      const program = run("spec-002-http-get", "localhost", "/a?b", port);
      await ended(program);
      expect(program.lines.all[0]).toBe("HTTP/1.1 200 OK");
      expect(program.lines.all).toContain("you asked for /a?b, 東京");
    });
  });

  describe("std.net", () => {
    test("TcpStream", async () => {
      const { port } = await tcpPeer((socket) => socket.pipe(socket));
      const program = run("spec-003-tcp-stream", `127.0.0.1:${port}`);
      await ended(program);
      expect(program.lines.all[0]).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+\\t127\\.0\\.0\\.1:${port}$`));
      expect(program.lines.all.slice(1, 3)).toEqual(["wrote 5 bytes", "104\t101\t108\t108\t111"]);
      expect(program.lines.all[3]).toMatch(/^nil\tERR_WOULD_BLOCK: tw_read /);
      expect(program.lines.all[4]).toBe("false");
      const refused = run("spec-003-tcp-stream", "127.0.0.1:1");
      await ended(refused);
      expect(refused.lines.all[0]).toMatch(/^error: ERR_REFUSED: tw_dial 127\.0\.0\.1:1: /);
    });

    test("TcpListener", async () => {
      const program = run("spec-003-tcp-listener", "127.0.0.1:0");
      const port = await portFrom(program.lines, /^127\.0\.0\.1:(\d+)$/);
      for (const name of ["Ada", "Grüße"]) expect(await exchange(port, `${name}\n`)).toBe(`hello, ${name}\n`);
      expect(program.errors.all).toEqual([]);
    });

    test("UdpSocket", async () => {
      const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
      const program = run("spec-003-udp-socket", `127.0.0.1:${port}`);
      await ended(program);
      expect(program.lines.all[0]).toMatch(/^bound to 127\.0\.0\.1:\d+$/);
      expect(program.lines.all[1]).toBe(`112,105,110,103 from 127.0.0.1:${port}`);
    });

    test("HTTP client and server: JSON both ways", async () => {
      const server = run("spec-003-http-server", "127.0.0.1:0");
      const port = await portFrom(server.lines, /^127\.0\.0\.1:(\d+)$/);
      const program = run("spec-003-http-client", `http://127.0.0.1:${port}/items?q=1`);
      await ended(program);
      expect(program.lines.all[0]).toBe("200 application/json");
      expect(JSON.parse(program.lines.all[1] ?? "")).toEqual({
        ...{ method: "POST", path: "/items", query: "q=1" },
        body: { name: "lamp", tags: ["new"] },
      });
      const response = await fetch(`http://127.0.0.1:${port}/p`);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toEqual({ method: "GET", path: "/p", query: "" });
      expect(server.errors.all).toEqual([]);
    });
  });

  describe("std/net.vv", () => {
    test("a client that reads text", async () => {
      const { port } = await tcpPeer((socket) => socket.end("Grüße, 東京"));
      const program = run("spec-004-client", "tcp", `127.0.0.1:${port}`);
      await ended(program);
      expect(program.lines.all).toEqual(["Grüße, 東京"]);
    });

    test("accept in the background, with a channel", async () => {
      const program = run("spec-004-accept", "tcp", "127.0.0.1:0");
      const port = await portFrom(program.lines, /^127\.0\.0\.1:(\d+)$/);
      for (const [index, word] of ["one", "two", "stop"].entries()) {
        expect(await exchange(port, `${word}\n`)).toBe(`you are number ${index + 1}\n`);
        expect(await program.lines.next()).toBe(`received: ${word}`);
      }
      await ended(program);
      expect(program.lines.all.at(-1)).toBe("3 connections");
    });
  });
});
