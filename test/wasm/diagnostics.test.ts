/** What the host's diagnostics channels receive, and what is not made for them. */
import { expect, test } from "@jest/globals";
import type { DiagnosticsChannel, DiagnosticsHost } from "../../adapters/port.ts";
import { Errors, Kind } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { FakePort } from "./fake-port.ts";

const small = { sockets: 4, webSockets: 2, sendPool: 65_536, blockSize: 1024, sendBuffer: 8192, stageBuffer: 8192 };

class Channels implements DiagnosticsHost {
  readonly reported: [string, { error?: unknown }][] = [];
  readonly subscribed = new Set<string>();
  throws: Error | undefined;

  channel(name: string): DiagnosticsChannel {
    const { reported, subscribed } = this;
    const thrown = (): Error | undefined => this.throws;
    return {
      get hasSubscribers() {
        return subscribed.has(name);
      },
      publish(message) {
        if (!subscribed.has(name)) throw new Error(`${name} has no subscriber`);
        reported.push([name, message as { error?: unknown }]);
        const error = thrown();
        if (error !== undefined) throw error;
      },
    };
  }
}

class WatchedPort extends FakePort {
  readonly diagnostics = new Channels();
}

class PortRecorder extends Endpoint {
  readonly observed: string[] = [];
  readonly errors: TwinwireError[] = [];
  looksAtErrors = true;

  override connected(): void {
    this.observed.push("connected");
  }

  override disconnected(): void {
    this.observed.push("disconnected");
  }

  override error(make: () => TwinwireError): void {
    this.observed.push("error");
    if (this.looksAtErrors) this.errors.push(make());
  }
}

function setUp(...names: string[]): { port: WatchedPort; engine: Engine; recorder: PortRecorder; handle: number } {
  const port = new WatchedPort();
  for (const name of names) port.diagnostics.subscribed.add(`twinwire:${name}`);
  const engine = new Engine(port, small);
  const recorder = new PortRecorder(Kind.TCP, "example:7");
  return { port, engine, recorder, handle: engine.streams.connect(recorder, "example", 7) };
}

const none = { received: 0, sent: 0, connects: 0, refused: 0 };

test("a connection's life is reported, with what it has done so far", () => {
  const { port, engine, recorder, handle } = setUp("connected", "disconnected", "error");
  const { reported } = port.diagnostics;
  expect(reported).toEqual([]);
  port.deliver.connected(handle);
  const about = { handle, kind: "tcp", address: "example:7" };
  expect(reported.splice(0)).toEqual([["twinwire:connected", { ...about, stats: { ...none, connects: 1 } }]]);
  port.receive(handle, "hello");
  expect(reported).toEqual([]);
  engine.setAutoReconnect(handle, true);
  const cause = new Error("reset");
  port.deliver.closed(handle, Errors.ERR_RESET.value, cause);
  const stats = { ...none, connects: 1, received: 5 };
  const [error] = recorder.errors;
  expect(error).toMatchObject({ code: "ERR_RESET", step: "receive", cause });
  expect(reported).toEqual([
    ["twinwire:error", { ...about, stats, error, retryMs: 1000 }],
    [
      "twinwire:disconnected",
      { ...about, stats, code: Errors.ERR_RESET.value, clean: false, unsent: 0, retryMs: 1000 },
    ],
  ]);
  expect(reported[0]?.[1].error).toBe(error); /* the same one, not another */
});

test("the last word on a handle that was closed is reported, too; no attempt follows: -1", () => {
  const { port, engine, recorder, handle } = setUp("disconnected");
  port.deliver.connected(handle);
  engine.close(recorder);
  port.turn();
  expect(port.diagnostics.reported).toMatchObject([["twinwire:disconnected", { handle, clean: true, retryMs: -1 }]]);
});

test("failures of a socket that lives on, of listeners and of what they accept", () => {
  const { port, engine } = setUp("connected", "error");
  const { reported } = port.diagnostics;
  const udp = engine.udp.open(new PortRecorder(Kind.UDP, "UDP port 0"), 0);
  port.deliver.failed(udp, Errors.ERR_TOO_LARGE.value);
  expect(reported.splice(0)).toMatchObject([
    ["twinwire:error", { handle: udp, kind: "udp", address: "UDP port 0", error: { step: "send" }, retryMs: -1 }],
  ]);
  const client = new PortRecorder(Kind.TCP, "client");
  class Host extends PortRecorder {
    override accepted(): Endpoint {
      return client;
    }
  }
  const listener = engine.listeners.listen(new Host(Kind.LISTENER, "all:7"), 4, "", 7);
  port.deliver.connected(listener);
  port.deliver.accepted(listener, () => {});
  expect(reported).toMatchObject([
    ["twinwire:connected", { handle: listener, kind: "listener", address: "all:7" }],
    ["twinwire:connected", { handle: client.handle, kind: "tcp", address: "client" }],
  ]);
});

test("nothing is made of what nobody subscribes to", () => {
  const { port, recorder, handle } = setUp();
  recorder.looksAtErrors = false;
  let made = 0;
  Object.defineProperty(recorder, "address", {
    get: () => {
      made++;
      return "example:7";
    },
  });
  port.deliver.connected(handle);
  expect(made).toBe(0);
  port.deliver.closed(handle, 0);
  expect(made).toBe(0);
  expect(recorder.observed).toEqual(["connected", "disconnected"]);
  expect(port.diagnostics.reported).toEqual([]);
});

test("a subscriber may come at any time, and one that throws keeps no other from receiving", () => {
  const { port, recorder, handle } = setUp();
  port.diagnostics.subscribed.add("twinwire:connected");
  port.diagnostics.throws = new Error("a subscriber's own");
  const queue = globalThis.queueMicrotask;
  const reported: (() => void)[] = [];
  globalThis.queueMicrotask = (task) => reported.push(task);
  try {
    port.deliver.connected(handle);
  } finally {
    globalThis.queueMicrotask = queue;
  }
  expect(recorder.observed).toEqual(["connected"]);
  expect(reported).toHaveLength(1);
  expect(reported[0]).toThrow("a subscriber's own");
});

test("a host without channels is one like any other", () => {
  const port = new FakePort();
  const engine = new Engine(port, small);
  const recorder = new PortRecorder(Kind.TCP, "example:7");
  port.deliver.connected(engine.streams.connect(recorder, "example", 7));
  expect(recorder.observed).toEqual(["connected"]);
});
