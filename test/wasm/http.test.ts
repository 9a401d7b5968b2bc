/** What the engine does of HTTP, bytes that are delivered once more, and proxies. */
import { expect, test } from "@jest/globals";
import { Errors, EventFlag, HttpBody, HttpFlag, HttpRead, HttpSend, Kind, State } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import { Engine } from "../../wasm/engine.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { FakePort } from "./fake-port.ts";

const small = { sockets: 4, webSockets: 2, sendPool: 65_536, blockSize: 1024, sendBuffer: 8192, stageBuffer: 8192 };

/** Notes what is delivered to it, with the bytes as text. */
class PortRecorder extends Endpoint {
  readonly observed: string[] = [];
  readonly errors: TwinwireError[] = [];
  readonly #text: (at: number, size: number) => string;

  constructor(text: (at: number, size: number) => string) {
    super(Kind.TCP, "example:80");
    this.#text = text;
  }

  override data(at: number, size: number): void {
    this.observed.push(`data ${this.#text(at, size)}`);
  }

  override given(bytes: Uint8Array): void {
    this.observed.push(`given ${Buffer.from(bytes)}`);
  }

  override httpHead(at: number, size: number, flags: number, status: number, what: number): void {
    this.observed.push(`head ${this.#text(at, size)} ${flags} ${status} ${what}`);
  }

  override httpBody(at: number, size: number, flags: number): void {
    this.observed.push(`body ${this.#text(at, size)} ${flags}`);
  }

  override httpTrailer(at: number, size: number, flags: number): void {
    this.observed.push(`trailer ${this.#text(at, size)} ${flags}`);
  }

  override httpEnd(error: number, status: number): void {
    this.observed.push(`end ${error} ${status}`);
  }

  override error(make: () => TwinwireError): void {
    this.errors.push(make());
  }
}

/** An open connection. */
function open(): { port: FakePort; it: Engine; recorder: PortRecorder; handle: number } {
  const port = new FakePort();
  const it = new Engine(port, small);
  const recorder = new PortRecorder((at, size) => it.memory.latin1(at, size));
  const handle = it.streams.connect(recorder, "example", 80);
  port.deliver.connected(handle);
  return { port, it, recorder, handle };
}

const { FIRST, FINAL, ASCII } = EventFlag;
const WHOLE = FIRST | FINAL;
const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("a message is delivered in parts, and what follows it is data", () => {
  const { port, it, recorder, handle } = open();
  expect(it.http.read(handle, HttpRead.REQUEST, 100)).toBe(0);
  expect(it.http.read(handle, HttpRead.REQUEST, 100)).toBe(Errors.ERR_STATE.value);
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  port.receive(handle, `${head}2\r\nab\r\n0\r\nT: u\r\n\r\nmore`);
  const what = HttpFlag.KEEP_ALIVE | HttpFlag.BODY | HttpFlag.CHUNKED;
  expect(recorder.observed).toEqual([
    `head ${head} ${WHOLE} 0 ${what}`,
    `body ab ${FIRST | ASCII}`,
    expect.stringMatching(/^body {2}\d+$/),
    `trailer T: u\r\n\r\n ${WHOLE}`,
    "end 0 0",
    "data more",
  ]);
});

test("an error says how to answer, and nothing more is delivered", () => {
  const { port, it, recorder, handle } = open();
  it.http.read(handle, HttpRead.REQUEST, 100);
  port.receive(handle, "GET / HTTP/1.1\nHost: a\n\n");
  expect(recorder.observed.at(-1)).toBe(`end ${Errors.ERR_HTTP.value} 400`);
  const count = recorder.observed.length;
  port.receive(handle, request);
  expect(recorder.observed.length).toBe(count);
  expect(it.http.send(handle, HttpSend.CLOSE, 400, "\0", 0, "")).toBeGreaterThan(0);
});

test("bytes are delivered once more when the code of this turn is done", async () => {
  const { it, recorder, handle } = open();
  const bytes = Buffer.from(`${request}rest`);
  it.http.read(handle, HttpRead.REQUEST, 0);
  let done = 0;
  it.unread(handle, bytes, () => {
    done = recorder.observed.length;
  });
  expect(recorder.observed).toEqual([]);
  await null;
  expect(recorder.observed).toEqual([`head ${request} ${WHOLE} 0 ${HttpFlag.KEEP_ALIVE}`, "end 0 0", "data rest"]);
  expect(done).toBe(3);
});

test("before what the port delivers meanwhile, which is not lost", () => {
  const { port, it, recorder, handle } = open();
  it.unread(handle, Buffer.from("first"));
  port.receive(handle, "second");
  expect(recorder.observed).toEqual(["data first", "data second"]);
  it.unread(handle, Buffer.from("third"));
  recorder.takesBytes = true;
  port.deliver.given(handle, Buffer.from("fourth"));
  expect(recorder.observed.slice(2)).toEqual(["data third", "given fourth"]);
});

test("in the middle of a delivery, they follow it", () => {
  const { port, it, recorder, handle } = open();
  recorder.takesBytes = true;
  recorder.given = (bytes) => {
    recorder.observed.push(`given ${Buffer.from(bytes)}`);
    it.unread(handle, Buffer.from("again"), () => it.unread(handle, Buffer.from("and again")));
    expect(recorder.observed).toHaveLength(1);
  };
  port.deliver.given(handle, Buffer.from("x"));
  expect(recorder.observed).toEqual(["given x", "data again", "data and again"]);
});

test("more than one receive buffer of them", async () => {
  const { it, recorder, handle } = open();
  const { recvBuffer } = it.limits;
  it.unread(handle, Buffer.alloc(recvBuffer * 2 + 5, "x"));
  await null;
  expect(recorder.observed.map((line) => line.length - 5)).toEqual([recvBuffer, recvBuffer, 5]);
});

test("for a handle that is closed meanwhile they are discarded", async () => {
  const { it, recorder, handle } = open();
  let done = false;
  it.unread(handle, Buffer.from("x"), () => {
    done = true;
  });
  it.close(recorder);
  await null;
  expect([recorder.observed, done]).toEqual([[], true]);
});

test("a head is sent with a byte a character, and characters that are wider are refused", async () => {
  const { port, it, handle } = open();
  expect(it.http.send(handle, 0, 200, "OK\0a\0\xe9\0", 1, "body")).toBeGreaterThan(0);
  await new Promise(setImmediate);
  expect(port.written).toEqual(["HTTP/1.1 200 OK\r\na: \xe9\r\nContent-Length: 4\r\n\r\nbody"]);
  for (const value of ["\u0100", "x\u010a", "\u{1f600}"]) {
    expect(it.http.send(handle, 0, 200, `OK\0a\0${value}\0`, 1, "")).toBe(Errors.ERR_HEADER.value);
  }
  expect(it.http.send(handle, 0, 200, `OK\0a\0${"x".repeat(9000)}\0`, 1, "")).toBe(Errors.ERR_HEADER.value);
  expect(it.http.send(handle, 0, 200, "OK\0", 0, "x".repeat(9000))).toBe(Errors.ERR_TOO_LARGE.value);
});

test("a body in parts, with trailers", async () => {
  const { port, it, handle } = open();
  expect(it.http.send(handle, HttpSend.PART, 0, "POST\0/\0host\0a\0", 1, "")).toBeGreaterThan(0);
  expect(it.http.sendBody(handle, 0, "ab")).toBe(2);
  expect(it.http.sendBody(handle, HttpBody.LAST, "c", "t\0\xe9\0", 1)).toBe(1);
  expect(it.http.sendBody(handle, HttpBody.LAST, "")).toBe(Errors.ERR_STATE.value);
  await new Promise(setImmediate);
  expect(port.written.join("").replaceAll("|", "")).toBe(
    "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nt: \xe9\r\n\r\n",
  );
});

test("TLS through a proxy begins in the tunnel, for the name of the target", async () => {
  const port = new FakePort();
  const it = new Engine(port, small);
  const recorder = new PortRecorder(() => "");
  const tls = { ca: "x" };
  it.setTls(recorder, tls);
  const handle = it.streams.connectVia(recorder, "target.example", 443, {
    host: "proxy",
    port: 3128,
    credentials: "u:p",
  });
  expect(port.calls).toContain(`open ${handle} 1 proxy 3128`);
  expect(port.tls).toBeUndefined();
  port.deliver.connected(handle);
  expect(port.written.join("")).toMatch(
    /^CONNECT target\.example:443 HTTP\/1\.1\r\n[\s\S]*Proxy-Authorization: Basic dTpw\r\n/,
  );
  expect(port.calls.filter((call) => call.startsWith("tls"))).toEqual([]);
  port.receive(handle, "HTTP/1.1 200 OK\r\n\r\n");
  expect(port.calls.filter((call) => call.startsWith("tls"))).toEqual([`tls ${handle} target.example`]);
  expect(port.tls).toBe(tls);
  port.deliver.secured(handle);
  expect(it.state(handle)).toBe(State.OPEN);
});

test("a proxy's answer reaches the core also where the port gives bytes away", () => {
  const port = new FakePort();
  const it = new Engine(port, small);
  const recorder = new PortRecorder(() => "");
  recorder.takesBytes = true;
  const handle = it.streams.connectVia(recorder, "target.example", 80, { host: "proxy", port: 3128, credentials: "" });
  port.deliver.connected(handle);
  port.deliver.given(handle, Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
  expect(it.state(handle)).toBe(State.OPEN);
});

test("a proxy that refuses", () => {
  const port = new FakePort();
  const it = new Engine(port, small);
  const recorder = new PortRecorder(() => "");
  const handle = it.streams.connectVia(recorder, "target.example", 80, { host: "proxy", port: 3128, credentials: "" });
  port.deliver.connected(handle);
  port.receive(handle, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  expect(recorder.errors[0]).toMatchObject({ code: "ERR_PROXY", step: "proxy", detail: 403, address: "example:80" });
});
