import { expect, test } from "@jest/globals";
import { createPort } from "../../adapters/node/index.ts";
import { NodeApiPort } from "../../adapters/node-api/port.ts";
import { errorNumber, mostSpecificError } from "../../adapters/shared/errors.ts";
import { Close, type ErrorCode, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd, tcpPeer, udpPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { attach, PortRecorder } from "./recorder.ts";
import { portSuite } from "./suite.ts";
import { certificates } from "./tls-support.ts";

portSuite("node", createPort);

test("what Node reports is an error of the table", () => {
  const code = (error: unknown): ErrorCode | undefined =>
    (Object.keys(Errors) as ErrorCode[]).find((it) => Errors[it].value === errorNumber(error));
  const failed = (name: string): Error => Object.assign(new Error(name), { code: name });
  expect(code(failed("ECONNREFUSED"))).toBe("ERR_REFUSED");
  expect(code(failed("EPIPE"))).toBe("ERR_RESET");
  expect(code(failed("ETIMEDOUT"))).toBe("ERR_TIMEOUT");
  expect(code(failed("ENETUNREACH"))).toBe("ERR_UNREACHABLE");
  expect(code(failed("ENOTFOUND"))).toBe("ERR_NAME_NOT_FOUND");
  expect(code(failed("EAI_AGAIN"))).toBe("ERR_NAME_FAILED");
  expect(code(failed("EADDRINUSE"))).toBe("ERR_IN_USE");
  expect(code(failed("EACCES"))).toBe("ERR_ACCESS");
  expect(code(failed("EMFILE"))).toBe("ERR_DESCRIPTORS");
  expect(
    code(mostSpecificError([failed("EWHAT"), failed("ENETUNREACH"), failed("ECONNREFUSED"), failed("ETIMEDOUT")])),
  ).toBe("ERR_REFUSED");
  expect(code(mostSpecificError([failed("EWHAT")]))).toBe("ERR_HOST");
  expect(code(failed("EWHAT"))).toBe("ERR_HOST");
  expect(code(Object.assign(failed("EADDRNOTAVAIL"), { syscall: "connect" }))).toBe("ERR_UNREACHABLE");
  expect(code(Object.assign(failed("EADDRNOTAVAIL"), { syscall: "listen" }))).toBe("ERR_HOST");
  for (const error of [new Error("plain"), null, undefined, "ECONNREFUSED", { code: 7 }, { code: "toString" }]) {
    expect(code(error)).toBe("ERR_HOST");
  }
});

test("a UDP socket keeps the process alive as long as it is asked to", () => {
  const sockets = (): number => process.getActiveResourcesInfo().filter((it) => it.startsWith("UDP")).length;
  const { port } = attach(createPort);
  const before = sockets();
  port.open(1, SocketKind.UDP, "127.0.0.1", 0, {});
  atEnd(() => port.close(1, Close.ABORT));
  expect(sockets()).toBe(before + 1);
  port.keep(1, false);
  expect(sockets()).toBe(before);
  port.keep(1, true);
  expect(sockets()).toBe(before + 1);
});

test("a runtime without a queue of datagrams gets one, which has room again when half of it has left", async () => {
  const peer = await udpPeer(() => {});
  const traits = { name: "queue", readsInPlace: true, wholeDgram: false, reusePort: false, inherits: false };
  const port = new NodeApiPort(traits);
  const data = Buffer.alloc(10_000);
  const fill = (): number => {
    let count = 0;
    while (port.sendTo(1, "127.0.0.1", peer.port, data) > 0) count++;
    return count;
  };
  const refills: number[] = [];
  class Refiller extends PortRecorder {
    override written(handle: number, size: number): void {
      super.written(handle, size);
      if (refills.length < 2) refills.push(fill());
    }
  }
  const recorder = new Refiller();
  port.attach(recorder, recorder.memory);
  port.open(1, SocketKind.UDP, "127.0.0.1", 0, {});
  atEnd(() => port.close(1, Close.ABORT));
  expect(fill()).toBe(27); /* the first that makes 262144 bytes, and what came before it */
  await until(() => recorder.observed.all.length >= 3, "room for the third time");
  expect(refills).toEqual([14, 14]);
  expect(new Set(recorder.observed.all)).toEqual(new Set(["written 1 0"]));
});

test("a stream takes no bytes before it is connected", async () => {
  const peer = await tcpPeer(() => {});
  const { port, recorder } = attach(createPort);
  expect(port.open(1, SocketKind.TCP, "127.0.0.1", peer.port, {})).toBe(0);
  atEnd(() => port.close(1, Close.ABORT));
  expect(port.write(1, [Buffer.from("early")])).toBe(0);
  await recorder.waitFor("connected 1");
});

test("TLS options are checked before a listener uses them", () => {
  const { port } = attach(createPort);
  const { cert, key } = certificates().good;
  expect(port.checkTls?.({ cert, key })).toBe(0);
  expect(port.checkTls?.({ cert: "no certificate", key: "no key" })).toBeLessThan(0);
});

test("a name is looked up as it is, not the host of a URL that begins with it", async () => {
  const { port } = attach(createPort);
  /* No name of this length is ever asked of a server. */
  const { error, addresses } = await port.resolve(`localhost/${"a".repeat(300)}`, 0);
  expect(error).toBeLessThan(0);
  expect(addresses).toEqual([]);
});
