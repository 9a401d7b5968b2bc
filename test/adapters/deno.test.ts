import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { createPort } from "../../adapters/deno/index.ts";
import { Close, Errors, SocketKind } from "../../wasm/abi.gen.ts";
import { startChild } from "../support/child.ts";
import { atEnd, udpPeer } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";
import { attach } from "./recorder.ts";
import { portSuite } from "./suite.ts";

const HOST = "127.0.0.1";

portSuite("deno", createPort);

test("datagrams leave in order, are refused when too many wait, and written says when there is room", async () => {
  const got: number[] = [];
  const peer = await udpPeer((data) => got.push(data.readUInt16BE()));
  const { port, recorder } = attach(createPort);
  port.open(1, SocketKind.UDP, HOST, 0, {});
  atEnd(() => port.close(1, Close.ABORT));
  const data = Buffer.alloc(10_000);
  let count = 0;
  const send = (): number => port.sendTo(1, HOST, peer.port, data);
  for (data.writeUInt16BE(count); send() > 0; data.writeUInt16BE(count)) count++;
  expect(count).toBe(27); /* the first that makes 262144 bytes, and what came before it */
  expect(send()).toBe(Errors.ERR_BACKPRESSURE.value);
  await recorder.waitFor("written 1 0");
  await until(() => got.length > 0, "datagrams");
  await pause(200); /* the system's receive buffer may be smaller than the queue: the peer reads what fitted */
  expect(send()).toBe(data.length);
  await until(() => got.at(-1) === count, "the last datagram");
  expect(got).toEqual([...got].sort((a, b) => a - b));
  expect(recorder.observed.all).toEqual(["written 1 0"]);
});

test("with permission for the network alone nothing of the environment is read, and no question is asked", async () => {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-deno-"));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "program.mjs");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(fileURLToPath(new URL("../..", import.meta.url)), join(folder, "node_modules/twinwire"));
  writeFileSync(join(folder, "package.json"), '{"dependencies":{"twinwire":"*"}}');
  writeFileSync(
    file,
    `import { http, WebSocket, WebSocketServer } from "twinwire";
    import { createPort } from "twinwire/host/deno";
    console.log(createPort().env("HOME"));
    const server = new WebSocketServer("127.0.0.1", 0, { onRequest: () => ({ body: "x" }) });
    await server.opened;
    const { status } = await http.request({ method: "GET", url: "http://" + server.addr() + "/" });
    const socket = new WebSocket("ws://" + server.addr() + "/");
    await socket.opened;
    socket.close();
    await server.close({ graceMs: 100 });
    console.log(status);`,
  );
  const { DENO } = process.env;
  const child = startChild("/bin/sh", [
    "-c",
    'cd "$1" && exec "$2" run --no-prompt --allow-net program.mjs',
    "sh",
    folder,
    DENO ?? "deno",
  ]);
  await within(child.ended, "the end of the program");
  expect([child.lines.all, child.errors.all]).toEqual([["undefined", "200"], []]);
});
