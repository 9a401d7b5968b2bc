import { expect, test } from "@jest/globals";
import { createPort } from "../../adapters/deno/index.ts";
import { Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd, udpPeer } from "../support/peers.ts";
import { until } from "../support/wait.ts";
import { attach } from "./ear.ts";
import { portSuite } from "./suite.ts";

const HOST = "127.0.0.1";

portSuite("deno", createPort);

test("datagrams leave in order, are refused when too many wait, and written says when there is room", async () => {
  const got: number[] = [];
  const peer = await udpPeer((data) => got.push(data.readUInt16BE()));
  const { port, ear } = attach(createPort);
  port.open(1, SocketKind.UDP, HOST, 0, {});
  atEnd(() => port.close(1, Close.ABORT));
  const data = Buffer.alloc(10_000);
  let count = 0;
  const send = (): number => port.sendTo(1, HOST, peer.port, data);
  for (data.writeUInt16BE(count); send() > 0; data.writeUInt16BE(count)) count++;
  expect(count).toBe(27); /* the first that makes 262144 bytes, and what came before it */
  expect(send()).toBe(Errors.ERR_BACKPRESSURE.value);
  await ear.hears("written 1 0");
  expect(send()).toBe(data.length);
  await until(() => got.at(-1) === count, "the last datagram");
  expect(got).toEqual([...got].sort((a, b) => a - b));
  expect(ear.heard.all).toEqual(["written 1 0"]);
});
