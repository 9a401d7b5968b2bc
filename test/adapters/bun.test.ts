import { afterEach, describe, expect, test } from "@jest/globals";
import { createPort } from "../../adapters/bun/index.ts";
import type { Port } from "../../adapters/port.ts";
import { errorNumber } from "../../adapters/shared/errors.ts";
import { AddressOf, Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { attach, type PortRecorder } from "./recorder.ts";
import { portSuite } from "./suite.ts";

portSuite("bun", createPort);

describe("bun: UDP that the system does not take", () => {
  type Sends = { send: (data: Uint8Array, port: number, address: string) => boolean };
  type Options = { socket: { drain: (socket: Sends) => void; error: (error: Error) => void } };
  const { Bun } = globalThis as unknown as { Bun: { udpSocket: (options: Options) => Promise<Sends> } };
  const { udpSocket } = Bun;
  afterEach(() => {
    Bun.udpSocket = udpSocket;
  });

  /** A port whose only UDP socket answers as Bun does when the system's buffer is full; no loopback ever is. */
  function full(): { port: Port; recorder: PortRecorder; socket: () => Sends; handlers: () => Options["socket"] } {
    let [made, options]: [Sends | undefined, Options | undefined] = [undefined, undefined];
    Bun.udpSocket = (given) => {
      options = given;
      const promise = udpSocket(given);
      void promise.then((socket) => {
        made = socket;
      });
      return promise;
    };
    const { port, recorder } = attach(createPort);
    expect(port.open(1, SocketKind.UDP, "", 0, {})).toBe(0);
    return {
      port,
      recorder,
      socket: () => made as Sends,
      handlers: () => (options as Options).socket,
    };
  }

  test("a datagram is refused, and room is reported once", async () => {
    const { port, recorder, socket, handlers } = full();
    await Promise.resolve();
    const send = (): number => port.sendTo(1, "127.0.0.1", 9, Buffer.from("x"));
    const real = socket().send;
    socket().send = () => false;
    expect([send(), send()]).toEqual([Errors.ERR_BACKPRESSURE.value, Errors.ERR_BACKPRESSURE.value]);
    socket().send = real;
    handlers().drain(socket());
    handlers().drain(socket());
    expect(recorder.observed.all).toEqual(["written 1 0"]);
    expect(send()).toBe(1);
    port.close(1, Close.ORDERLY);
  });

  test("a socket that was closed in between gets no delivery", async () => {
    const { port, recorder, socket, handlers } = full();
    await Promise.resolve();
    socket().send = () => false;
    expect(port.sendTo(1, "127.0.0.1", 9, Buffer.from("x"))).toBe(Errors.ERR_BACKPRESSURE.value);
    port.close(1, Close.ORDERLY);
    handlers().drain(socket());
    expect(recorder.observed.all).toEqual([]);
  });

  /** From now on so many sockets can't be made. */
  function failing(times: number): void {
    const make = Bun.udpSocket;
    let left = times;
    Bun.udpSocket = (options) => {
      if (left <= 0) return make(options);
      left -= 1;
      throw Object.assign(new Error("unreachable"), { code: "ENETUNREACH" });
    };
  }

  test("a peer that can't be had leaves the socket as it is", () => {
    const { port } = full();
    const before = port.address(1, AddressOf.LOCAL);
    failing(1);
    expect(port.connectUdp(1, "127.0.0.1", 9)).toBe(Errors.ERR_UNREACHABLE.value);
    expect(port.address(1, AddressOf.LOCAL)).toBe(before);
    expect(port.address(1, AddressOf.REMOTE)).toBe(Errors.ERR_STATE.value);
    expect(port.sendTo(1, "127.0.0.1", 9, Buffer.from("x"))).toBe(1);
    port.close(1, Close.ORDERLY);
  });

  test("a socket that loses its port on the way is gone", async () => {
    const { port, recorder } = full();
    failing(2);
    expect(port.connectUdp(1, "127.0.0.1", 9)).toBe(Errors.ERR_UNREACHABLE.value);
    expect(await recorder.endOf(1)).toBe(Errors.ERR_UNREACHABLE.value);
    expect(port.sendTo(1, "127.0.0.1", 9, Buffer.from("x"))).toBe(Errors.ERR_STATE.value);
  });

  test("ICMP errors of strangers are dropped, other errors are delivered", () => {
    const { port, recorder, handlers } = full();
    handlers().error(Object.assign(new Error("nobody there"), { code: "ECONNREFUSED", errqueue: true }));
    handlers().error(Object.assign(new Error("no buffers"), { code: "ENOBUFS" }));
    expect(recorder.observed.all).toEqual([`failed 1 ${Errors.ERR_BACKPRESSURE.value}`]);
    port.close(1, Close.ORDERLY);
  });
});

test("what Bun reports is an error of the table", () => {
  const code = (error: unknown): ErrorCode | undefined =>
    (Object.keys(Errors) as ErrorCode[]).find((it) => Errors[it].value === errorNumber(error));
  const failed = (name: string, more = {}): Error => Object.assign(new Error(name), { code: name, ...more });
  expect(code(failed("ECONNREFUSED"))).toBe("ERR_REFUSED");
  expect(code(failed("EPIPE"))).toBe("ERR_RESET");
  expect(code(failed("ENOTFOUND"))).toBe("ERR_NAME_NOT_FOUND");
  expect(code(failed("EADDRNOTAVAIL", { syscall: "connect" }))).toBe("ERR_UNREACHABLE");
  expect(code(failed("EADDRNOTAVAIL", { syscall: "listen" }))).toBe("ERR_HOST");
  for (const error of [
    failed("EWHAT"),
    new Error("plain"),
    null,
    undefined,
    "ECONNREFUSED",
    { code: 7 },
    { code: "toString" },
  ])
    expect(code(error)).toBe("ERR_HOST");
});
