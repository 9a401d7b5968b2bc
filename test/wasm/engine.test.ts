import { expect, test } from "@jest/globals";
import { Errors, FOREVER, Kind, NONE, State } from "../../wasm/abi.gen.ts";
import { type Ending, Endpoint } from "../../wasm/endpoint.ts";
import { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { FakePort } from "./fake-port.ts";

const small = { sockets: 4, webSockets: 2, sendPool: 65_536, blockSize: 1024, sendBuffer: 8192, stageBuffer: 8192 };

/** Notes what is delivered to it. */
class PortRecorder extends Endpoint {
  readonly observed: string[] = [];
  readonly errors: TwinwireError[] = [];
  readonly engine: Engine;
  onData: (() => void) | undefined;

  constructor(engine: Engine, kind: Kind = Kind.TCP) {
    super(kind, "example:7");
    this.engine = engine;
  }

  override connected(): void {
    this.observed.push("connected");
  }

  override disconnected({ clean, unsent, retryMs }: Ending): void {
    this.observed.push(`disconnected ${clean} ${unsent} ${retryMs === FOREVER ? "never" : retryMs}`);
  }

  override data(at: number, size: number, ascii: boolean): void {
    this.observed.push(`data ${this.engine.memory.utf8(at, size)} ${ascii}`);
    this.onData?.();
  }

  override datagram(at: number, size: number, address: string, port: number): void {
    this.observed.push(`datagram ${this.engine.memory.utf8(at, size)} ${address} ${port}`);
  }

  override drain(): void {
    this.observed.push("drain");
  }

  override error(make: () => TwinwireError): void {
    this.errors.push(make());
    this.observed.push(`error ${make().code}`);
  }
}

function setUp(): { port: FakePort; engine: Engine; recorder: PortRecorder; handle: number } {
  const port = new FakePort();
  const engine = new Engine(port, small);
  const recorder = new PortRecorder(engine);
  const handle = engine.streams.connect(recorder, "example", 7);
  expect(handle).toBeGreaterThan(0);
  return { port, engine, recorder, handle };
}

function connected(): ReturnType<typeof setUp> {
  const all = setUp();
  all.port.deliver.connected(all.handle);
  expect(all.recorder.observed.splice(0)).toEqual(["connected"]);
  return all;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a handle is opened through the port, and its timer is set at the end of the turn", async () => {
  const { port, engine, recorder, handle } = setUp();
  expect(recorder.handle).toBe(handle);
  expect(port.calls).toEqual(["clock keep true", `open ${handle} ${Kind.TCP} example 7`].toSorted().reverse());
  await turn();
  expect(port.calls).toContain(`wake ${engine.limits.connectTimeoutMs}`);
  expect(engine.state(handle)).toBe(State.CONNECTING);
});

test("what the port refuses at once is refused, with what the runtime reported", () => {
  const port = new FakePort();
  const engine = new Engine(port, small);
  const recorder = new PortRecorder(engine);
  port.opens = Errors.ERR_ACCESS.value;
  port.cause = new Error("no");
  expect(engine.streams.connect(recorder, "example", 7)).toBe(Errors.ERR_ACCESS.value);
  expect(engine.cause).toBe(port.cause);
  expect(recorder.handle).toBe(NONE);
  expect(engine.all()).toEqual([]);
  port.opens = 0;
  expect(engine.udp.open(recorder, 0)).toBeGreaterThan(0);
  expect(engine.cause).toBe(undefined);
});

test("all that is sent in one turn leaves in one write, blocks that touch as one piece", async () => {
  const { port, engine, handle } = connected();
  expect(engine.streams.send(handle, "one ")).toBe(4);
  expect(engine.streams.send(handle, Buffer.from("two"))).toBe(3);
  expect(port.written).toEqual([]);
  await turn();
  expect(port.written).toEqual(["one two"]);
  engine.streams.send(handle, "x".repeat(3000));
  await turn();
  expect(port.written[1]?.replaceAll("|", "")).toBe("x".repeat(3000));
  expect(port.written).toHaveLength(2);
});

test("what connections were given in turns leaves in one piece again once all has left", async () => {
  const { port, engine, handle } = connected();
  const other = engine.streams.connect(new PortRecorder(engine), "other", 7);
  port.deliver.connected(other);
  port.takes = 0;
  for (let round = 0; round < 6; round++) {
    for (const each of [handle, other]) engine.streams.send(each, "x".repeat(1024));
  }
  await turn();
  expect(port.written.splice(0).flatMap((pieces) => pieces.split("|"))).toHaveLength(12);
  port.takes = Number.POSITIVE_INFINITY;
  for (const each of [other, handle]) port.deliver.written(each, 6 * 1024);
  /* More blocks than a write has pieces. */
  port.written.length = 0;
  engine.streams.send(handle, "y".repeat(8192));
  engine.streams.send(other, "y".repeat(8192));
  await turn();
  expect(port.written).toEqual(["y".repeat(8192), "y".repeat(8192)]);
});

test("a write is one piece, however many blocks it has, if they adjoin", async () => {
  const port = new FakePort();
  const engine = new Engine(port, { ...small, blockSize: 64 });
  const handle = engine.streams.connect(new PortRecorder(engine), "example", 7);
  port.deliver.connected(handle);
  engine.streams.send(handle, "x".repeat(8192));
  await turn();
  expect(port.written).toEqual(["x".repeat(8192)]);
});

test("bytes that the port gives away go on as they are to those who take them, as a copy to all others", () => {
  const { port, engine, recorder, handle } = connected();
  port.deliver.given(handle, Buffer.from("copied"));
  expect(recorder.observed).toEqual(["data copied true"]);
  class Taker extends Endpoint {
    override readonly takesBytes = true;
    readonly taken: Uint8Array[] = [];
    override given(bytes: Uint8Array): void {
      this.taken.push(bytes);
    }
    override data(): void {
      this.taken.push(Buffer.from("a copy"));
    }
  }
  const taker = new Taker(Kind.TCP, "example:7");
  const taking = engine.streams.connect(taker, "example", 7);
  port.deliver.connected(taking);
  engine.setWindow(taking, 10);
  const gift = Buffer.from("a gift");
  port.deliver.given(taking, gift);
  expect(taker.taken).toHaveLength(1);
  expect(taker.taken[0]).toBe(gift);
  port.calls.length = 0;
  port.deliver.given(taking, Buffer.from("more"));
  expect(port.calls).toContain(`read ${taking} false`);
  port.receive(taking, "as ever");
  expect(taker.taken.map(String)).toEqual(["a gift", "more", "a copy"]);
  engine.close(taker);
  port.deliver.given(taking, gift);
  expect(taker.taken).toHaveLength(3);
});

test("a window that is full and empty again within a delivery stops nothing", () => {
  const { port, engine, recorder, handle } = connected();
  engine.setWindow(handle, 4);
  const reads = (): string[] => port.calls.splice(0).filter((call) => call.startsWith("read"));
  recorder.onData = () => engine.consumed(handle, 8);
  port.receive(handle, "12345678");
  expect(reads()).toEqual([]);
  recorder.onData = undefined;
  port.receive(handle, "12345678");
  expect(reads()).toEqual([`read ${handle} false`]);
  engine.consumed(handle, 8);
  expect(reads()).toEqual([`read ${handle} true`]);
  recorder.onData = () => engine.close(recorder);
  port.receive(handle, "12345678");
  expect(reads().at(-1)).not.toBe(`read ${handle} true`);
});

test("sends between which promises are awaited leave in one write all the same", async () => {
  const { port, engine, handle } = connected();
  port.takes = Number.POSITIVE_INFINITY;
  for (const text of ["a", "b", "c"]) {
    engine.streams.send(handle, text);
    await Promise.resolve();
  }
  expect(port.written).toEqual([]);
  await turn();
  expect(port.written).toEqual(["abc"]);
});

test("what a listener sends leaves when all events are delivered, before the delivery returns", () => {
  const { port, engine, recorder, handle } = connected();
  recorder.onData = () => {
    engine.streams.send(handle, "re");
    expect(port.written).toEqual([]);
  };
  port.receive(handle, "ping");
  expect(recorder.observed).toEqual(["data ping true"]);
  expect(port.written).toEqual(["re"]);
});

test("bytes that the port has not written are not offered again; those it gives back are", async () => {
  const { port, engine, handle } = connected();
  port.takes = 0;
  engine.streams.send(handle, "first");
  await turn();
  engine.streams.send(handle, "second");
  await turn();
  expect(port.written).toEqual(["first"]);
  expect(engine.buffered(handle)).toBe(11);
  port.takes = 3;
  port.deliver.written(handle, 5);
  expect(port.written).toEqual(["first", "second"]);
  expect(engine.buffered(handle)).toBe(3);
  port.takes = 100;
  port.deliver.written(handle, 0);
  expect(port.written).toEqual(["first", "second", "ond"]);
  expect(engine.buffered(handle)).toBe(0);
});

test("drain comes on a later turn, even if the port takes all at once", async () => {
  const { port, engine, recorder, handle } = connected();
  expect(engine.streams.send(handle, "x".repeat(8192))).toBe(8192);
  expect(engine.streams.send(handle, "y")).toBe(Errors.ERR_BACKPRESSURE.value);
  await turn();
  expect(engine.buffered(handle)).toBe(0);
  expect(recorder.observed).toEqual([]);
  port.turn();
  expect(recorder.observed).toEqual(["drain"]);
});

test("an argument larger than the way in is refused, whatever it is for", () => {
  const { engine, handle } = connected();
  const long = "€".repeat(3000);
  expect(engine.streams.send(handle, long)).toBe(Errors.ERR_TOO_LARGE.value);
  expect(engine.streams.send(handle, Buffer.alloc(8193))).toBe(Errors.ERR_TOO_LARGE.value);
  expect(engine.streams.connect(new PortRecorder(engine), long, 7)).toBe(Errors.ERR_ARGUMENT.value);
  expect(engine.ws.connect(new PortRecorder(engine), long)).toBe(Errors.ERR_URL.value);
  expect(engine.bindEvent(handle, long, 1)).toBe(Errors.ERR_EVENT.value);
});

test("a time-out is delivered in the loop iteration of its timer, and time passes only with ticks", async () => {
  const { port, recorder } = setUp();
  await turn();
  port.nowMs += 9_999;
  port.deliver.wake();
  expect(recorder.observed).toEqual([]);
  expect(port.wakeMs).toBe(1);
  port.nowMs += 1;
  port.deliver.wake();
  expect(recorder.observed).toEqual(["error ERR_TIMEOUT", "disconnected false 0 never"]);
  expect(recorder.errors[0]).toMatchObject({ step: "connect", address: "example:7" });
});

test("what falls due while the application calls waits for a later turn", async () => {
  const { port, engine, recorder } = setUp();
  await turn();
  port.nowMs += 20_000;
  expect(engine.streams.connect(new PortRecorder(engine), "example", 8)).toBeGreaterThan(0);
  expect(recorder.observed).toEqual([]);
  port.turn();
  expect(recorder.observed).toEqual(["error ERR_TIMEOUT", "disconnected false 0 never"]);
});

test("the host's timer is touched only to make it earlier or to stop it", async () => {
  const { port, engine, handle } = setUp();
  await turn();
  const wakes = (): string[] => port.calls.filter((call) => call.startsWith("wake"));
  expect(wakes()).toEqual(["wake 10000"]);
  port.nowMs += 10;
  engine.streams.connect(new PortRecorder(engine), "example", 8);
  await turn();
  expect(wakes()).toHaveLength(1);
  port.deliver.connected(handle);
  expect(wakes()).toHaveLength(1);
  port.nowMs += 9_990;
  port.deliver.wake();
  expect(wakes().at(-1)).toBe("wake 10");
});

test("the runtime's error goes to the handle whose it is", () => {
  const { port, recorder, handle } = setUp();
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  port.deliver.closed(handle, Errors.ERR_REFUSED.value, cause);
  expect(recorder.observed).toEqual(["error ERR_REFUSED", "disconnected false 0 never"]);
  expect(recorder.errors[0]?.cause).toBe(cause);
  expect(recorder.errors[0]?.message).toContain("connect ECONNREFUSED");
});

test("datagrams come with their sender; one that failed later is an error of a socket that lives", () => {
  const port = new FakePort();
  const engine = new Engine(port, small);
  const recorder = new PortRecorder(engine, Kind.UDP);
  const handle = engine.udp.open(recorder, 7);
  expect(engine.udp.sendTo(handle, "192.0.2.2", 9, "hi")).toBe(2);
  expect(port.calls).toContain(`send ${handle} 192.0.2.2 9 hi`);
  port.deliver.failed(handle, Errors.ERR_UNREACHABLE.value);
  port.deliver.datagram(handle, 0, "2001:db8::1", 9);
  expect(recorder.observed).toEqual(["error ERR_UNREACHABLE", "datagram  2001:db8::1 9"]);
});

test("a closed handle receives only its end, and its number is not reused as it was", () => {
  const { port, engine, recorder, handle } = connected();
  recorder.onData = () => engine.close(recorder);
  port.receive(handle, "last");
  expect(engine.find(handle)).toBe(undefined);
  expect(recorder.observed).toEqual(["data last true", "disconnected true 0 never"]);
  port.receive(handle, "more");
  port.turn();
  expect(recorder.observed).toHaveLength(2);
  const next = engine.streams.connect(new PortRecorder(engine), "example", 7);
  expect(next).not.toBe(handle);
  expect(engine.find(next)?.handle).toBe(next);
});

test("handles that never opened are forgotten without a word", () => {
  const { port, engine, recorder, handle } = setUp();
  engine.close(recorder);
  expect(engine.all()).toEqual([]);
  port.turn();
  expect(recorder.observed).toEqual([]);
  expect(port.calls.at(-1)).toBe("clock keep false");
  expect(engine.state(handle)).toBe(State.FREE);
});

test("handles that keep nothing alive let the timer go too, also after they connect again", async () => {
  const { port, engine, recorder, handle } = connected();
  engine.setAutoReconnect(handle, true);
  expect(engine.setReconnectDelays(handle, [50])).toBe(0);
  engine.keep(recorder, false);
  engine.keep(recorder, false);
  expect(port.calls.slice(-2)).toEqual(["clock keep false", `keep ${handle} false`]);
  port.calls.length = 0;
  port.deliver.ended(handle);
  port.deliver.later();
  expect(recorder.observed).toEqual(["disconnected true 0 50"]);
  expect(port.wakeMs).toBe(50);
  port.nowMs += 50;
  port.deliver.wake();
  expect(port.calls.slice(-3)).toEqual([`open ${handle} ${Kind.TCP} example 7`, `keep ${handle} false`, "wake 10000"]);
});

test("a listener that throws stops nothing", async () => {
  const { port, recorder, handle } = connected();
  const thrown: unknown[] = [];
  const real = globalThis.queueMicrotask;
  globalThis.queueMicrotask = (call) => {
    try {
      call();
    } catch (error) {
      thrown.push(error);
    }
  };
  try {
    recorder.onData = () => {
      throw new Error("listener");
    };
    port.receive(handle, "one");
    recorder.onData = undefined;
    port.receive(handle, "two");
    port.opens = new Error("port");
    const { engine } = recorder;
    expect(engine.streams.connect(new PortRecorder(engine), "example", 7)).toBe(Errors.ERR_HOST.value);
  } finally {
    globalThis.queueMicrotask = real;
  }
  expect(recorder.observed).toEqual(["data one true", "data two true"]);
  expect(thrown.map(String)).toEqual(["Error: listener", "Error: port"]);
});
