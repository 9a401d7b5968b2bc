/** The result API: the methods of the specification, and that it is the connection API in other words. */
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { err, ok, type Result, TcpListener, TcpStream, UdpSocket, unwrap, WOULD_BLOCK } from "twinwire/result";
import { atEnd, endPeers, freePort, tcpPeer, udpPeer } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { echoPeer, pattern, text } from "./support.ts";

afterEach(endPeers);

/** The error of a result that must be one. */
function errorOf(result: Result<unknown>): string {
  if (result.ok) throw new Error(`expected an error, got ${String(result.value)}`);
  return result.error;
}

/** The value of a result that must be one, in time. */
async function get<T>(result: Promise<Result<T>>): Promise<T> {
  return unwrap(await within(result, "a result"));
}

test("ok, err and unwrap", () => {
  expect([ok(1), err("no")]).toEqual([
    { ok: true, value: 1 },
    { ok: false, error: "no" },
  ]);
  expect(unwrap(ok(1))).toBe(1);
  expect(() => unwrap(err("no"))).toThrow(new Error("no"));
});

describe("TcpStream", () => {
  test("connects, writes bytes and lists of them, reads, knows its ends", async () => {
    const { port } = await echoPeer();
    const stream = await get(TcpStream.connect(`127.0.0.1:${port}`));
    expect(await get(stream.write([104, 105, 0, 255]))).toBe(4);
    expect(Array.from(await get(stream.read(100)))).toEqual([104, 105, 0, 255]);
    expect(await get(stream.write(Buffer.from("x")))).toBe(1);
    expect(text(await get(stream.read(100)))).toBe("x");
    expect(stream.peer_addr()).toEqual(ok(`127.0.0.1:${port}`));
    expect(unwrap(stream.local_addr())).toMatch(/^127\.0\.0\.1:\d+$/);
    stream.close();
    stream.close();
    for (const result of [stream.peer_addr(), stream.local_addr(), stream.set_nonblocking(true)]) {
      expect(errorOf(result)).toMatch(/^ERR_STATE: /);
    }
    expect(errorOf(await stream.read(1))).toMatch(/^ERR_STATE: receiving from 127\.0\.0\.1:/);
    expect(errorOf(await stream.write([1]))).toMatch(/^ERR_STATE: sending to 127\.0\.0\.1:/);
  });

  test("the end of the stream is an empty list", async () => {
    const { port } = await tcpPeer((socket) => socket.end("bye"));
    const stream = await get(TcpStream.connect(`localhost:${port}`));
    expect(text(await get(stream.read(100)))).toBe("bye");
    expect(Array.from(await get(stream.read(100)))).toEqual([]);
    stream.close();
  });

  test("nothing throws, whatever it is given", async () => {
    const port = await freePort();
    const bad = ["", "nowhere", "127.0.0.1", "127.0.0.1:x", "::1:80", "127.0.0.1:70000", "[::1]", undefined, 7, {}];
    for (const addr of bad) {
      expect(errorOf(await TcpStream.connect(addr as string))).toMatch(/^ERR_(ARGUMENT|PORT): /);
      expect(errorOf(await TcpListener.bind(addr as string))).toMatch(/^ERR_(ARGUMENT|PORT): /);
      expect(errorOf(await UdpSocket.bind(addr as string))).toMatch(/^ERR_(ARGUMENT|PORT): /);
    }
    expect(errorOf(await TcpStream.connect(`127.0.0.1:${port}`))).toMatch(/^ERR_REFUSED: connecting to 127/);
    expect(errorOf(await TcpStream.connect("no-such-host.invalid:80"))).toMatch(/^ERR_NAME_/);
    const stream = await get(TcpStream.connect(`127.0.0.1:${(await echoPeer()).port}`));
    for (const data of [[256], [-1], [1.5], ["a"], "text", undefined, 5, {}]) {
      expect(errorOf(await stream.write(data as number[]))).toMatch(/^ERR_ARGUMENT: /);
    }
    for (const size of [0, -1, 1.5, "1", undefined as unknown as number].slice(0, 4)) {
      expect(errorOf(await stream.read(size as number))).toMatch(/^ERR_ARGUMENT: /);
    }
    stream.close();
  });

  test("non-blocking: read settles at once, and write takes what there is room for", async () => {
    const listener = await get(TcpListener.bind("127.0.0.1:0"));
    atEnd(() => listener.close());
    const stream = await get(TcpStream.connect(unwrap(listener.local_addr())));
    const peer = await get(listener.accept());
    expect(stream.set_nonblocking(true)).toEqual(ok(undefined));
    expect(await stream.read(10)).toEqual(err(WOULD_BLOCK));
    expect(WOULD_BLOCK).toBe("would block");
    await peer.write([1, 2, 3]);
    await until(() => stream.conn.canRead, "bytes");
    expect(Array.from(await get(stream.read(2)))).toEqual([1, 2]);
    expect(Array.from(await get(stream.read(2)))).toEqual([3]);
    expect(await stream.read(2)).toEqual(err(WOULD_BLOCK));
    const piece = Buffer.alloc(1 << 20);
    let result = await stream.write(piece);
    for (let turns = 0; result.ok && turns < 200; turns++) result = await stream.write(piece);
    expect(result).toEqual(err(WOULD_BLOCK));
    unwrap(stream.set_nonblocking(false));
    const waiting = stream.read(10);
    await pause(10);
    await peer.write([4]);
    expect(Array.from(await get(waiting))).toEqual([4]);
    unwrap(stream.set_nonblocking(true));
    peer.close();
    stream.close();
    expect(errorOf(await stream.read(1))).toMatch(/^ERR_STATE: /);
  });
});

describe("TcpListener", () => {
  test("accepts, also without waiting, and says where", async () => {
    const listener = await get(TcpListener.bind("127.0.0.1:0"));
    const addr = unwrap(listener.local_addr());
    expect(addr).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    unwrap(listener.set_nonblocking(true));
    expect(await listener.accept()).toEqual(err(WOULD_BLOCK));
    const client = connect(Number(addr.split(":")[1]), "127.0.0.1");
    atEnd(() => client.destroy());
    await until(() => listener.server.canAccept, "a connection");
    const stream = await get(listener.accept());
    client.write("hi");
    expect(text(await get(stream.read(10)))).toBe("hi");
    expect(errorOf(await TcpListener.bind(addr))).toMatch(/^ERR_IN_USE: /);
    unwrap(listener.set_nonblocking(false));
    const waiting = listener.accept();
    listener.close();
    listener.close();
    expect(errorOf(await within(waiting, "the accept"))).toMatch(/^ERR_STATE: accepting at 127\.0\.0\.1:/);
    expect(errorOf(listener.local_addr())).toMatch(/^ERR_STATE: /);
    expect(errorOf(listener.set_nonblocking(true))).toMatch(/^ERR_STATE: /);
    stream.close();
  });
});

describe("UdpSocket", () => {
  test("sends and receives with the sender's address", async () => {
    const { port } = await udpPeer((data, from, socket) => socket.send(data, from.port, from.address));
    const socket = await get(UdpSocket.bind("127.0.0.1:0"));
    expect(unwrap(socket.local_addr())).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(await get(socket.send_to([1, 2, 3], `127.0.0.1:${port}`))).toBe(3);
    const [data, from] = await get(socket.recv_from(2));
    expect([Array.from(data), from]).toEqual([[1, 2], `127.0.0.1:${port}`]);
    expect(errorOf(socket.peer_addr())).toMatch(/^ERR_STATE: /);
    unwrap(await socket.connect(`127.0.0.1:${port}`));
    expect(socket.peer_addr()).toEqual(ok(`127.0.0.1:${port}`));
    unwrap(socket.set_nonblocking(true));
    expect(await socket.recv_from(10)).toEqual(err(WOULD_BLOCK));
    socket.close();
    socket.close();
    const calls = [socket.recv_from(10), socket.send_to([1], `127.0.0.1:${port}`), socket.connect("127.0.0.1:9")];
    for (const call of calls) expect(errorOf(await call)).toMatch(/^ERR_STATE: /);
    for (const result of [socket.local_addr(), socket.peer_addr(), socket.set_nonblocking(true)]) {
      expect(errorOf(result)).toMatch(/^ERR_STATE: /);
    }
  });

  test("bad input", async () => {
    const socket = await get(UdpSocket.bind("127.0.0.1:0"));
    atEnd(() => socket.close());
    expect(errorOf(await UdpSocket.bind(unwrap(socket.local_addr())))).toMatch(/^ERR_IN_USE: /);
    expect(errorOf(await UdpSocket.bind("no-address:0"))).toMatch(/^ERR_ADDRESS: /);
    expect(errorOf(await socket.send_to([999], "127.0.0.1:9"))).toMatch(/^ERR_ARGUMENT: /);
    expect(errorOf(await socket.send_to([1], "127.0.0.1"))).toMatch(/^ERR_ARGUMENT: /);
    expect(errorOf(await socket.send_to([1], "127.0.0.1:0"))).toMatch(/^ERR_PORT: /);
    expect(errorOf(await socket.send_to(pattern(65_508), "127.0.0.1:9"))).toMatch(/^ERR_TOO_LARGE: /);
    expect(errorOf(await socket.recv_from(-1))).toMatch(/^ERR_ARGUMENT: /);
    expect(errorOf(await socket.connect("nonsense"))).toMatch(/^ERR_ARGUMENT: /);
  });
});
