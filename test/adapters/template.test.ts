/** The port to copy: it must type-check, load, and refuse what it has not got as the contract says. */
import { expect, test } from "@jest/globals";
import { createPort } from "../../adapters/template/index.ts";
import { Errors, FOREVER, SocketKind } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import { Engine } from "../../wasm/engine.ts";
import { attach } from "./recorder.ts";

const UNSUPPORTED = Errors.ERR_UNSUPPORTED.value;

test("an engine runs on it, and every open is refused", async () => {
  const engine = new Engine(createPort());
  const recorder = new (class extends Endpoint {})(1, "h:1");
  expect(engine.streams.connect(recorder, "h", 1)).toBe(UNSUPPORTED);
  expect(engine.streams.connectUnix(recorder, "/s")).toBe(UNSUPPORTED);
  expect(engine.udp.bind(recorder, "", 0)).toBe(UNSUPPORTED);
  expect(engine.listeners.listen(recorder, SocketKind.TCP_LISTENER, "", 0)).toBe(UNSUPPORTED);
  expect(engine.ws.connect(recorder, "ws://h/")).toBe(UNSUPPORTED);
  await expect(engine.resolve("h")).rejects.toMatchObject({ code: "ERR_UNSUPPORTED" });
  expect(engine.all()).toEqual([]);
});

test("its time and its random bytes are real", async () => {
  const { port, recorder } = attach(createPort);
  port.clock.wake(1);
  expect(await recorder.observed.next()).toBe("wake");
  port.clock.wake(1);
  port.clock.wake(FOREVER);
  port.clock.later();
  expect(await recorder.observed.next()).toBe("later");
  const one = new Uint8Array(16);
  const other = new Uint8Array(16);
  port.random(one);
  port.random(other);
  expect(one).not.toEqual(other);
});
