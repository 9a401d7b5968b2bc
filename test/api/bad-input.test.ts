/** What goes wrong, and what the connection API says of it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { Conn, resolve, TcpConnection, TcpServer, type TwinwireError, UdpSocket } from "twinwire";
import { differs } from "../support/host.ts";
import { atEnd, endPeers, freePort } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { echoPeer, facts, failure, pair, text, thrown } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "twinwire-"));

afterEach(endPeers);
afterAll(() => rmSync(folder, { recursive: true }));

/** The error of a connection that can't be opened, which every method throws. */
async function notOpened(conn: TcpConnection): Promise<TwinwireError> {
  const calls = [conn.opened, conn.read(1), conn.readExact(1), conn.write("x"), conn.writeAll("x"), conn.closeWrite()];
  const errors = await Promise.all(calls.map((call) => failure(call)));
  expect(new Set(errors).size).toBe(1);
  expect((await failure(conn.read(1))).code).toBe(errors[0]?.code);
  await within(conn.closed, "closed");
  expect(thrown(() => conn.remoteAddr()).code).toBe("ERR_STATE");
  conn.close();
  return errors[0] as TwinwireError;
}

describe("connecting", () => {
  test("refused", async () => {
    const port = await freePort();
    const error = await notOpened(new TcpConnection("127.0.0.1", port));
    expect(facts(error)).toEqual({ code: "ERR_REFUSED", step: "connect", address: `127.0.0.1:${port}` });
    expect(error.message).toMatch(/^ERR_REFUSED: connecting to 127\.0\.0\.1:\d+: .*; check that a server listens/);
    expect((error.cause as NodeJS.ErrnoException).code).toBe("ECONNREFUSED");
  });

  test("unreachable: an address to which no route leads, and none could leave this machine", async () => {
    const error = await notOpened(new TcpConnection("ff01::1", 9));
    const code = differs("unreachable-at-once") ? "ERR_REFUSED" : "ERR_UNREACHABLE";
    expect(facts(error)).toEqual({ code, step: "connect", address: "[ff01::1]:9" });
  });

  test("name not found", async () => {
    const error = await notOpened(new TcpConnection("no-such-host.invalid", 80));
    expect(["ERR_NAME_NOT_FOUND", "ERR_NAME_FAILED"]).toContain(error.code);
    expect([error.step, error.address]).toEqual(["connect", "no-such-host.invalid:80"]);
    const looked = await failure(resolve("no-such-host.invalid"));
    expect([looked.code, looked.step, looked.address]).toEqual([error.code, "resolve", "no-such-host.invalid"]);
  });

  test.each([
    ["", 80, "ERR_ARGUMENT"],
    ["a b", 80, "ERR_ARGUMENT"],
    ["x".repeat(254), 80, "ERR_ARGUMENT"],
    [undefined, 80, "ERR_ARGUMENT"],
    [7, 80, "ERR_ARGUMENT"],
    ["127.0.0.1", 0, "ERR_PORT"],
    ["127.0.0.1", 65_536, "ERR_PORT"],
    ["127.0.0.1", -1, "ERR_PORT"],
    ["127.0.0.1", 1.5, "ERR_PORT"],
    ["127.0.0.1", Number.NaN, "ERR_PORT"],
    ["127.0.0.1", "80", "ERR_PORT"],
  ])("host %p and port %p: %s", async (host, port, code) => {
    const error = await notOpened(new TcpConnection(host as string, port as number));
    expect([error.code, error.step]).toEqual([code, "open"]);
    expect(error.address).not.toBe("");
  });

  test("a bad option is thrown at once", () => {
    for (const window of [0, -1, 1.5, Number.NaN, 2 ** 31, "1" as unknown as number]) {
      expect(thrown(() => new TcpConnection("127.0.0.1", 1, { window })).code).toBe("ERR_ARGUMENT");
    }
    expect(thrown(() => new TcpServer("127.0.0.1", 0, { backlog: 0 })).message).toContain("backlog");
    expect(thrown(() => new UdpSocket("127.0.0.1", 0, { queue: -5 })).message).toContain("queue");
  });

  test("close while it connects", async () => {
    const { port } = await echoPeer();
    const conn = new TcpConnection("127.0.0.1", port);
    const reading = conn.read(1);
    const writing = conn.writeAll("x");
    conn.close();
    conn.close();
    const error = await failure(conn.opened);
    expect(facts(error)).toEqual({ code: "ERR_STATE", step: "connect", address: `127.0.0.1:${port}` });
    expect(error.message).toContain("close was called");
    expect((await failure(reading)).code).toBe("ERR_STATE");
    expect((await failure(writing)).code).toBe("ERR_STATE");
    await within(conn.closed, "closed");
  });

  test("a connection or a UDP socket that nobody listens to harms nobody", async () => {
    const harm: unknown[] = [];
    const listener = (reason: unknown): void => void harm.push(reason);
    process.on("unhandledRejection", listener);
    new TcpConnection("127.0.0.1", await freePort());
    new UdpSocket("not an address");
    await new Promise((done) => setTimeout(done, 100));
    process.off("unhandledRejection", listener);
    expect(harm).toEqual([]);
  });
});

describe("reading and writing", () => {
  test.each([0, -1, 1.5, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, "1", null])("read(%p)", async (size) => {
    const { conn, peer } = await pair();
    const error = await failure(conn.read(size as number));
    expect(facts(error)).toEqual({ code: "ERR_ARGUMENT", step: "receive", address: conn.remoteAddr() });
    expect(error.message).toContain("1 to 2147483647");
    if (size !== 0) expect((await failure(conn.readExact(size as number))).code).toBe("ERR_ARGUMENT");
    peer.write("fine");
    expect(text(await conn.read(2 ** 31 - 1))).toBe("fine");
  });

  test("a huge readExact takes memory only as bytes come", async () => {
    const { conn, peer } = await pair();
    const reading = conn.readExact(2 ** 31 - 1);
    peer.end("few");
    const error = await failure(reading);
    expect([error.code, error.detail]).toEqual(["ERR_UNEXPECTED_EOF", 3]);
  });

  test.each([undefined, null, 5, {}, [1, 2], () => "x"])("write(%p)", async (data) => {
    const { conn } = await pair();
    for (const call of [conn.write(data as never), conn.writeAll(data as never)]) {
      const error = await failure(call);
      expect(facts(error)).toEqual({ code: "ERR_ARGUMENT", step: "send", address: conn.remoteAddr() });
    }
    await conn.write("fine");
  });

  test("a closed connection: every call says so; to close it again does nothing", async () => {
    const { conn } = await pair();
    const address = conn.remoteAddr();
    conn.close();
    conn.close();
    for (const call of [conn.read(1), conn.readExact(0), conn.readExact(1)]) {
      expect(facts(await failure(call))).toEqual({ code: "ERR_STATE", step: "receive", address });
    }
    for (const call of [conn.write("x"), conn.writeAll(""), conn.closeWrite()]) {
      expect(facts(await failure(call))).toEqual({ code: "ERR_STATE", step: "send", address });
    }
    expect(facts(await failure(conn.upgradeToTLS("localhost")))).toEqual({ code: "ERR_STATE", step: "tls", address });
    expect(facts(thrown(() => conn.localAddr()))).toEqual({ code: "ERR_STATE", step: "call", address });
    await conn.opened;
  });

  test("a handle that is none", () => {
    for (const bad of [-1, 0, 1.5, 123_456_789, "1" as unknown as number]) {
      expect(thrown(() => Conn.from(bad)).code).toBe("ERR_HANDLE");
    }
  });
});

describe("listening", () => {
  /** The error of a server that can't listen, which every method throws. */
  async function notListening(server: TcpServer): Promise<TwinwireError> {
    const error = await failure(server.opened);
    expect(await failure(server.accept())).toBe(error);
    expect(thrown(() => server.addr())).toBe(error);
    server.close();
    return error;
  }

  test("a port in use", async () => {
    const { port } = await echoPeer();
    const error = await notListening(new TcpServer("127.0.0.1", port));
    expect(facts(error)).toEqual({ code: "ERR_IN_USE", step: "open", address: `127.0.0.1:${port}` });
  });

  test("an address that is not ours, a name that is none, a port that is none", async () => {
    const notOurs = await notListening(new TcpServer("192.0.2.1", 0));
    expect(facts(notOurs)).toEqual({ code: "ERR_HOST", step: "open", address: "192.0.2.1:0" });
    expect((notOurs.cause as NodeJS.ErrnoException).code).toBe(differs("listen-cause") ? "EINVAL" : "EADDRNOTAVAIL");
    expect((await notListening(new TcpServer("no-such-host.invalid", 0))).code).toMatch(/^ERR_NAME_/);
    for (const port of [-1, 65_536, 0.5, "0" as unknown as number]) {
      expect((await notListening(new TcpServer("127.0.0.1", port))).code).toBe("ERR_PORT");
    }
    expect((await notListening(new TcpServer(7 as unknown as string, 0))).code).toBe("ERR_ARGUMENT");
  });
});

describe("Unix sockets", () => {
  test("a path that is empty, too long or has a NUL", async () => {
    for (const path of ["", `${folder}/${"x".repeat(108)}`, `${folder}/a\0b`]) {
      const error = await notOpened(TcpConnection.unix(path));
      expect([error.code, error.step]).toEqual(["ERR_PATH", "open"]);
      expect((await failure(TcpServer.unix(path).opened)).code).toBe("ERR_PATH");
    }
    expect((await notOpened(TcpConnection.unix(7 as unknown as string))).code).toBe("ERR_ARGUMENT");
    expect((await failure(TcpServer.unix(undefined as unknown as string).opened)).code).toBe("ERR_ARGUMENT");
  });

  test("nothing there, something else there, in use", async () => {
    const missing = join(folder, "missing");
    expect(facts(await notOpened(TcpConnection.unix(missing)))).toEqual({
      code: "ERR_NOT_FOUND",
      step: "connect",
      address: missing,
    });
    const file = join(folder, "file");
    writeFileSync(file, "");
    expect((await notOpened(TcpConnection.unix(file))).code).toBe("ERR_REFUSED");
    const path = join(folder, "used");
    const server = TcpServer.unix(path);
    atEnd(() => server.close());
    await server.opened;
    expect(facts(await failure(TcpServer.unix(path).opened))).toEqual({
      code: "ERR_IN_USE",
      step: "open",
      address: path,
    });
    expect((await failure(TcpServer.unix(file).opened)).code).toBe("ERR_IN_USE");
    expect(existsSync(file)).toBe(true);
  });
});
