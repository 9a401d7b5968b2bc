/** What the engine does of listeners, TLS, windows and deadlines. */
import { expect, test } from "@jest/globals";
import { Deadline, Errors, FOREVER, Kind, NONE, SocketKind, State } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { FakePort } from "./fake-port.ts";

const small = { sockets: 4, webSockets: 2, sendPool: 65_536, blockSize: 1024, sendBuffer: 8192, stageBuffer: 8192 };
const ROOM = 8192;

/** Notes what is delivered to it. */
class PortRecorder extends Endpoint {
  readonly observed: string[] = [];
  readonly errors: TwinwireError[] = [];
  /** What becomes of the connections that it accepts. */
  onAccepted: (handle: number) => Endpoint | undefined = () => undefined;

  constructor(kind: Kind = Kind.TCP, address = "example:7") {
    super(kind, address);
  }

  override connected(): void {
    this.observed.push("connected");
  }

  override disconnected(): void {
    this.observed.push("disconnected");
  }

  override data(_at: number, size: number): void {
    this.observed.push(`data ${size}`);
  }

  override error(make: () => TwinwireError): void {
    this.errors.push(make());
    this.observed.push(`error ${make().code} ${make().step}`);
  }

  override accepted(handle: number): Endpoint | undefined {
    this.observed.push(`accepted ${handle}`);
    return this.onAccepted(handle);
  }

  override secured(): void {
    this.observed.push("secured");
  }

  override ended(): void {
    this.observed.push("ended");
  }

  override deadline(which: Deadline): void {
    this.observed.push(`deadline ${which}`);
  }
}

function engine(): { port: FakePort; it: Engine } {
  const port = new FakePort();
  return { port, it: new Engine(port, small) };
}

function listening(): { port: FakePort; it: Engine; listener: PortRecorder } {
  const { port, it } = engine();
  const listener = new PortRecorder(Kind.LISTENER);
  const handle = it.listeners.listen(listener, SocketKind.TCP_LISTENER, "127.0.0.1", 0);
  expect(handle).toBeGreaterThan(0);
  port.deliver.connected(handle);
  expect(listener.observed.splice(0)).toEqual(["connected"]);
  return { port, it, listener };
}

/** What the port is reported that a listener accepted; the handle, 0 for none. */
function accept(port: FakePort, listener: PortRecorder): number {
  let registered = 0;
  const taken = port.deliver.accepted(listener.handle, (handle) => {
    registered = handle;
  });
  expect(taken).toBe(registered > 0);
  return registered;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("every kind of socket is opened by its kind, with its name, port and options", () => {
  const { port, it } = engine();
  const opened = (open: (recorder: PortRecorder) => number): string => {
    const recorder = new PortRecorder();
    recorder.options = { noDelay: false };
    expect(open(recorder)).toBe(recorder.handle);
    expect(port.options).toBe(recorder.options);
    it.close(recorder);
    return (port.calls.findLast((call) => call.startsWith("open ")) ?? "").replace(/ \d+/, "");
  };
  expect(opened((recorder) => it.streams.connect(recorder, "h", 1))).toBe(`open ${SocketKind.TCP} h 1`);
  expect(opened((recorder) => it.streams.connectUnix(recorder, "/ü"))).toBe(`open ${SocketKind.UNIX} /ü 0`);
  expect(opened((recorder) => it.listeners.listen(recorder, SocketKind.TCP_LISTENER, "", 0))).toBe(
    `open ${SocketKind.TCP_LISTENER}  0`,
  );
  expect(opened((recorder) => it.listeners.listen(recorder, SocketKind.UNIX_LISTENER, "/s", 0))).toBe(
    `open ${SocketKind.UNIX_LISTENER} /s 0`,
  );
  expect(opened((recorder) => it.udp.bind(recorder, "::1", 7))).toBe(`open ${SocketKind.UDP} ::1 7`);
  expect(opened((recorder) => it.udp.open(recorder, 7))).toBe(`open ${SocketKind.UDP}  7`);
});

test("a socket that is opened again has the options and the TLS of the first", async () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  recorder.options = { keepAlive: true };
  it.setTls(recorder, { servername: "example" });
  const handle = it.streams.connect(recorder, "h", 443);
  it.setAutoReconnect(handle, true);
  port.options = undefined;
  port.tls = undefined;
  port.deliver.closed(handle, Errors.ERR_REFUSED.value);
  await turn();
  port.nowMs += 1000;
  port.deliver.wake();
  expect(port.calls.filter((call) => call.startsWith("open"))).toHaveLength(2);
  expect(port.options).toBe(recorder.options);
  expect(port.tls).toBe(recorder.tls);
});

test("what is too long is refused as what it is", () => {
  const { it } = engine();
  const long = "x".repeat(10_000);
  expect(it.streams.connect(new PortRecorder(), long, 1)).toBe(Errors.ERR_ARGUMENT.value);
  expect(it.streams.connectUnix(new PortRecorder(), long)).toBe(Errors.ERR_PATH.value);
  expect(it.listeners.listen(new PortRecorder(), SocketKind.UNIX_LISTENER, long, 0)).toBe(Errors.ERR_PATH.value);
  expect(it.listeners.listen(new PortRecorder(), SocketKind.TCP_LISTENER, long, 0)).toBe(Errors.ERR_ARGUMENT.value);
  expect(it.udp.bind(new PortRecorder(), long, 0)).toBe(Errors.ERR_ADDRESS.value);
  expect(it.ws.connect(new PortRecorder(), long)).toBe(Errors.ERR_URL.value);
  const recorder = new PortRecorder(Kind.UDP);
  it.udp.open(recorder, 0);
  expect(it.udp.connect(recorder.handle, long, 1)).toBe(Errors.ERR_ADDRESS.value);
});

test("an accepted connection gets the endpoint that its listener gives it", () => {
  const { port, it, listener } = listening();
  const connection = new PortRecorder();
  listener.onAccepted = () => connection;
  const handle = accept(port, listener);
  expect(handle).toBeGreaterThan(0);
  expect(connection.handle).toBe(handle);
  expect(it.find(handle)).toBe(connection);
  expect(listener.observed).toEqual([`accepted ${handle}`]);
  expect(connection.observed).toEqual(["connected"]);
  port.receive(handle, "abc");
  expect(connection.observed).toEqual(["connected", "data 3"]);
});

test("a connection that its listener does not want is closed", () => {
  const { port, it, listener } = listening();
  const handle = accept(port, listener);
  expect(port.calls).toContain(`close ${handle} 1`);
  expect(it.all()).toEqual([listener]);
});

test("a listener that throws costs only that connection", () => {
  const { port, it, listener } = listening();
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
    listener.onAccepted = () => {
      throw new Error("not this one");
    };
    const handle = accept(port, listener);
    expect(port.calls).toContain(`close ${handle} 1`);
  } finally {
    globalThis.queueMicrotask = real;
  }
  expect(it.all()).toEqual([listener]);
  expect(thrown.map(String)).toEqual(["Error: not this one"]);
});

test("a full table drops the connection, and the listener reports why", () => {
  const { port, listener } = listening();
  listener.onAccepted = () => new PortRecorder();
  for (let index = 0; index < 3; index++) expect(accept(port, listener)).toBeGreaterThan(0);
  listener.observed.length = 0;
  expect(accept(port, listener)).toBe(0);
  expect(listener.observed).toEqual(["error ERR_LIMIT accept"]);
});

test("a closed listener accepts nothing", () => {
  const { port, it, listener } = listening();
  it.close(listener);
  expect(accept(port, listener)).toBe(0);
  expect(listener.observed).toEqual(["disconnected"]);
});

test("what a port reports of a listener that lives on is an error of accepting", () => {
  const { port, listener } = listening();
  port.deliver.failed(listener.handle, Errors.ERR_LIMIT.value, new Error("EMFILE"));
  expect(listener.observed).toEqual(["error ERR_LIMIT accept"]);
  expect(listener.errors[0]?.message).toContain("EMFILE");
});

test("TLS that is asked for before opening is handed over with it, and begins when connected", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const tls = { servername: "example" };
  expect(it.setTls(recorder, tls)).toBe(0);
  const handle = it.streams.connect(recorder, "h", 443);
  expect(port.tls).toBe(tls);
  port.deliver.connected(handle);
  expect(port.calls).toContain(`tls ${handle} `);
  expect(port.tls).toBe(tls);
  expect(recorder.observed).toEqual([]);
  port.deliver.secured(handle);
  expect(recorder.observed).toEqual(["connected"]);
});

test("TLS that is asked for after opening begins when connected", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 443);
  expect(port.tls).toBe(undefined);
  const tls = { servername: "example" };
  expect(it.setTls(recorder, tls)).toBe(0);
  port.deliver.connected(handle);
  expect(port.tls).toBe(tls);
  port.deliver.secured(handle);
  expect(it.setTls(recorder, tls)).toBe(Errors.ERR_STATE.value);
});

test("accepted connections have the TLS options of their listener, unless they bring their own", () => {
  const { port, it, listener } = listening();
  const tls = { cert: "listener's" };
  expect(it.setTls(listener, tls)).toBe(0);
  const connection = new PortRecorder();
  listener.onAccepted = () => connection;
  const handle = accept(port, listener);
  expect(port.tls).toBe(tls);
  expect(connection.observed).toEqual([]);
  port.deliver.secured(handle);
  expect(connection.observed).toEqual(["connected"]);
  const other = new PortRecorder();
  other.tls = { cert: "its own" };
  listener.onAccepted = () => other;
  accept(port, listener);
  expect(port.tls).toBe(other.tls);
});

test("why TLS could not begin is reported with what the runtime said", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 443);
  it.setTls(recorder, {});
  port.opens = Errors.ERR_ARGUMENT.value;
  port.cause = new Error("no certificate");
  port.deliver.connected(handle);
  expect(recorder.observed).toEqual(["error ERR_ARGUMENT tls", "disconnected"]);
  expect(recorder.errors[0]?.cause).toBe(port.cause);
  expect(port.calls).toContain(`close ${handle} 1`);
});

test("TLS in place: its options are kept if it begins, and only then", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 25);
  expect(it.streams.startTls(recorder, "", {})).toBe(Errors.ERR_STATE.value);
  expect(recorder.tls).toBe(undefined);
  port.deliver.connected(handle);
  port.opens = Errors.ERR_UNSUPPORTED.value;
  expect(it.streams.startTls(recorder, "name", {})).toBe(Errors.ERR_UNSUPPORTED.value);
  expect(recorder.tls).toBe(undefined);
  port.opens = 0;
  const tls = { alpn: ["smtp"] };
  expect(it.streams.startTls(recorder, "name", tls)).toBe(0);
  expect(port.calls).toContain(`tls ${handle} name`);
  expect(port.tls).toBe(tls);
  expect(it.streams.startTls(recorder, "x".repeat(10_000), tls)).toBe(Errors.ERR_ARGUMENT.value);
  port.deliver.secured(handle);
  expect(recorder.observed).toEqual(["connected", "secured"]);
});

test("wss: is TLS, ws: is not, whatever options there are", () => {
  const { port, it } = engine();
  const tls = { ca: "x" };
  const secure = new PortRecorder(Kind.WS);
  secure.tls = tls;
  port.deliver.connected(it.ws.connect(secure, "WSS://h/"));
  expect(port.tls).toBe(tls);
  const plain = new PortRecorder(Kind.WS);
  plain.tls = tls;
  it.ws.connect(plain, "ws://h/");
  expect(port.tls).toBe(undefined);
});

test("room is what a send takes", async () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  port.takes = 0;
  port.deliver.connected(it.streams.connect(recorder, "h", 1));
  expect(it.streams.room(recorder.handle)).toBe(ROOM);
  expect(it.streams.send(recorder.handle, Buffer.alloc(5000))).toBe(5000);
  expect(it.streams.room(recorder.handle)).toBe(ROOM - 5000);
  expect(it.streams.send(recorder.handle, Buffer.alloc(ROOM - 5000 + 1))).toBe(Errors.ERR_BACKPRESSURE.value);
  expect(it.streams.send(recorder.handle, Buffer.alloc(ROOM - 5000))).toBe(ROOM - 5000);
  expect(it.streams.room(recorder.handle)).toBe(0);
  await turn();
});

test("the end of our half leaves at the end of the turn, behind what was sent", async () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 1);
  port.deliver.connected(handle);
  expect(it.streams.setHalfOpen(handle, true)).toBe(0);
  it.streams.send(handle, "bye");
  expect(it.streams.shutdown(handle)).toBe(0);
  expect(port.calls).not.toContain(`shutdown ${handle}`);
  await turn();
  expect(port.written).toEqual(["bye"]);
  expect(port.calls).toContain(`shutdown ${handle}`);
  expect(it.streams.send(handle, "x")).toBe(Errors.ERR_STATE.value);
});

test("the peer's end is delivered for a half-open stream", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 1);
  port.deliver.connected(handle);
  it.streams.setHalfOpen(handle, true);
  port.deliver.ended(handle);
  expect(recorder.observed).toEqual(["connected", "ended"]);
  expect(it.state(handle)).toBe(State.OPEN);
});

test("a full window stops the socket, until bytes are used up", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 1);
  port.deliver.connected(handle);
  expect(it.setWindow(handle, 4)).toBe(0);
  port.receive(handle, "abcd");
  expect(port.calls.at(-1)).toBe(`read ${handle} false`);
  expect(it.consumed(handle, 2)).toBe(0);
  expect(port.calls.at(-1)).toBe(`read ${handle} true`);
});

test("a deadline counts from now, not from the last delivery", async () => {
  const { port, it } = engine();
  const recorder = new PortRecorder();
  const handle = it.streams.connect(recorder, "h", 1);
  port.deliver.connected(handle);
  await turn();
  port.nowMs += 500;
  expect(it.setDeadline(handle, Deadline.READ, 100)).toBe(0);
  await turn();
  expect(port.wakeMs).toBe(100);
  port.nowMs += 99;
  port.deliver.wake();
  expect(recorder.observed).toEqual(["connected"]);
  port.nowMs += 1;
  port.deliver.wake();
  expect(recorder.observed).toEqual(["connected", `deadline ${Deadline.READ}`]);
  it.setDeadline(handle, Deadline.WRITE, 100);
  it.setDeadline(handle, Deadline.WRITE, 0);
  await turn();
  port.nowMs += 1000;
  port.deliver.later?.();
  expect(recorder.observed).toHaveLength(2);
});

test("a peer of a UDP socket is passed on, and refused with its cause", () => {
  const { port, it } = engine();
  const recorder = new PortRecorder(Kind.UDP);
  const handle = it.udp.open(recorder, 0);
  expect(it.udp.connect(handle, "192.0.2.1", 9)).toBe(0);
  expect(port.calls).toContain(`connect ${handle} 192.0.2.1 9`);
  expect(it.udp.sendTo(handle, "", 0, "x")).toBe(1);
  expect(port.calls).toContain(`send ${handle}  0 x`);
  port.opens = Errors.ERR_UNREACHABLE.value;
  port.cause = new Error("ENETUNREACH");
  expect(it.udp.connect(handle, "192.0.2.1", 9)).toBe(Errors.ERR_UNREACHABLE.value);
  expect(it.cause).toBe(port.cause);
});

test("a look-up gives addresses, or an error with its cause", async () => {
  const { port, it } = engine();
  expect(await it.resolve("example", { family: 4 })).toEqual(["192.0.2.1"]);
  expect(port.calls).toContain("resolve example 4");
  const cause = new Error("getaddrinfo");
  port.resolution = Promise.resolve({ error: Errors.ERR_NAME_NOT_FOUND.value, addresses: [], cause });
  const wrong = { code: "ERR_NAME_NOT_FOUND", step: "resolve", address: "example", cause };
  await expect(it.resolve("example")).rejects.toMatchObject(wrong);
});

test.each(["", "a b", "a\0b", "a\nb", "x".repeat(254), 7 as unknown as string])("%j is no host", async (host) => {
  const { port, it } = engine();
  await expect(it.resolve(host)).rejects.toMatchObject({ code: "ERR_ARGUMENT", step: "resolve" });
  expect(port.calls).toEqual([]);
});

test("a look-up can be given up, before and while it runs", async () => {
  const { port, it } = engine();
  port.resolution = new Promise(() => {});
  const reason = new Error("enough");
  await expect(it.resolve("example", { signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
    code: "ERR_ABORTED",
    cause: reason,
  });
  const controller = new AbortController();
  const running = it.resolve("example", { signal: controller.signal });
  controller.abort(reason);
  await expect(running).rejects.toMatchObject({ code: "ERR_ABORTED", cause: reason });
});

test("an endpoint that was never open has no TLS and no handle", () => {
  const { it } = engine();
  const recorder = new PortRecorder();
  expect(recorder.handle).toBe(NONE);
  expect(it.tlsInfo(recorder.handle)).toBe(undefined);
  expect(it.setDeadline(NONE, Deadline.READ, 1)).toBe(Errors.ERR_HANDLE.value);
  expect(FOREVER).toBe(0xffffffff);
});
