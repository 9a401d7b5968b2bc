/** The operations of session vectors. */
import { createHash } from "node:crypto";
import { AddressOf, Errors, type Limits, limitFields, MAX_ADDRESS } from "../../wasm/abi.gen.ts";
import { bytesAt, errorValue, expectResult, handleAt, type Operation } from "./args.ts";
import { calls } from "./calls.ts";
import { errorName } from "./events.ts";
import { numberAt, type Step, textAt } from "./file.ts";
import { maskFrames } from "./frames.ts";
import { httpCalls } from "./http.ts";
import type { Session } from "./session.ts";
import { webSocketCalls } from "./ws.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
const states = ["free", "connecting", "open", "closing", "waiting", "closed"];

/** Compares lines. An expected one that ends in " *" matches any that begins as it does. */
export function expectLines(got: readonly string[], expected: readonly (string | number)[], what: string): void {
  const matches = (line: string, pattern: string): boolean =>
    pattern.endsWith(" *") ? line.startsWith(pattern.slice(0, -2)) : line === pattern;
  if (got.length === expected.length && got.every((line, at) => matches(line, `${expected[at]}`))) return;
  const list = (lines: readonly (string | number)[]): string => lines.map((line) => `\n        ${line}`).join("");
  throw new Error(`(${what})\n      expected:${list(expected)}\n      got:${list(got)}`);
}

function handshake(s: Session, name: string, headers: string, split: boolean): void {
  const socket = s.port.named(name);
  const stream = socket?.stream;
  if (socket === undefined || stream === undefined) throw new Error("no such WebSocket");
  stream.quiet = true;
  s.script.connected(socket.handle);
  s.settle();
  stream.quiet = false;
  if (!stream.upgraded) throw new Error("the client has not sent its request");
  /* RFC 6455 4.2.2 item 5 */
  const accept = createHash("sha1").update(`${stream.key}${GUID}`).digest("base64");
  const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  const answer = `${head}Sec-WebSocket-Accept: ${accept}\r\n${headers}\r\n`;
  s.arrive(socket.handle, new TextEncoder().encode(answer), split);
}

const host: Record<string, Operation> = {
  connected: (s, step) => s.script.connected(handleAt(s, step, 1)),
  accepted: (s, step) => {
    if (s.script.accepted(handleAt(s, step, 1), textAt(step, 2)) && step.length === 3) return;
    expectResult(s, step, 3, s.acceptedHandle, 0);
  },
  network: (s, step) => s.network(numberAt(step, 1)),
  from: (s, step) => {
    const socket = s.port.find(handleAt(s, step, 1));
    if (socket !== undefined) socket.remote = textAt(step, 2);
  },
  secured: (s, step) => s.script.secured(handleAt(s, step, 1)),
  rx: (s, step) => s.arrive(handleAt(s, step, 1), bytesAt(step, 2), true),
  "rx-masked": (s, step) => s.arrive(handleAt(s, step, 1), maskFrames(bytesAt(step, 2)), true),
  ended: (s, step) => s.end(handleAt(s, step, 1)),
  closed: (s, step) => s.script.gone(handleAt(s, step, 1), step[2] === 0 ? 0 : errorValue(step[2])),
  written: (s, step) => s.script.finishWrite(handleAt(s, step, 1), numberAt(step, 2)),
  datagram: (s, step) => s.script.datagram(handleAt(s, step, 1), bytesAt(step, 2), textAt(step, 3), numberAt(step, 4)),
  time: (s, step) => s.advance(numberAt(step, 1)),
  late: (s, step) => s.tick(numberAt(step, 1)),
  handshake: (s, step) => handshake(s, textAt(step, 1), `${step[2] ?? ""}`, true),
  flush: (s) => {
    s.hold = false;
  },
};

const script: Record<string, Operation> = {
  limit: (s, step) => {
    const name = textAt(step, 1) as keyof Limits;
    if (s.started || !(name in limitFields)) throw new Error("limits come before anything else, by their names");
    s.limits[name] = numberAt(step, 2);
    s.own.add(name);
  },
  "limits-refused": (s) => {
    if (s.started || s.machine.need(s.limits) !== 0) throw new Error("twc_need accepts these limits");
  },
  take: (s, step) => {
    const socket = s.port.find(handleAt(s, step, 1));
    if (socket !== undefined) socket.take = step[2] === "all" ? Number.POSITIVE_INFINITY : numberAt(step, 2);
  },
  random: (s, step) => s.port.scriptRandom(bytesAt(step, 1)),
  "refuse-open": (s, step) => {
    s.port.refuseOpen = errorValue(step[1]);
  },
  "refuse-send": (s, step) => {
    s.port.refuseSend = errorValue(step[1]);
  },
  "refuse-connect": (s, step) => {
    s.port.refuseConnect = errorValue(step[1]);
  },
  "refuse-tls": (s, step) => {
    s.port.refuseTls = errorValue(step[1]);
  },
  "refuse-write": (s, step) => {
    const socket = s.port.find(handleAt(s, step, 1));
    if (socket !== undefined) socket.refuseWrite = errorValue(step[2]);
  },
  during: (s, [, ...rest]) => {
    s.during.push(() => runStep(s, rest as unknown as Step));
  },
  hold: (s) => {
    s.hold = true;
  },
  "open-tcp": (s, step) => {
    const name = textAt(step, 1);
    for (const one of [
      ["tcp", name, "h", 80],
      ["wire", `open ${name} tcp h 80`],
      ["connected", name],
      ["events", `connected ${name}`],
    ] as Step[]) {
      runStep(s, one);
    }
  },
  "open-listener": (s, step) => {
    const name = textAt(step, 1);
    runStep(s, ["listen", name, "tcp", "", 80]);
    runStep(s, ["wire", `open ${name} listen-tcp 80`]);
    runStep(s, ["connected", name]);
    runStep(s, ["events", `connected ${name}`]);
  },
  "open-accepted": (s, step) => {
    const [listener, name] = [textAt(step, 1), textAt(step, 2)];
    runStep(s, ["accepted", listener, name]);
    runStep(s, ["connected", name]);
    runStep(s, ["events", `accepted ${name} by ${listener}`, `connected ${name}`]);
    runStep(s, ["wire"]);
  },
  "open-served": (s, step) => {
    const name = textAt(step, 2);
    runStep(s, ["open-accepted", textAt(step, 1), name]);
    const head = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    const nonce = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    webSocketCalls["ws-accept"]?.(s, ["ws-accept", name, head + nonce, "", "", 0, 0]);
    const stream = s.port.named(name)?.stream;
    if (stream === undefined) throw new Error("it is no WebSocket");
    stream.quiet = true;
    s.settle();
    stream.quiet = false;
  },
  "open-ws": (s, step) => {
    const name = textAt(step, 1);
    runStep(s, ["ws", name, "ws://h/"]);
    runStep(s, ["wire", `open ${name} tcp h 80`]);
    handshake(s, name, "", false);
    runStep(s, ["events", `connected ${name}`]);
    runStep(s, ["wire"]);
  },
};

/** A text or an error that a call answers. */
function expectText(s: Session, step: Step, index: number, call: (to: number, room: number) => number): void {
  const expected = textAt(step, index);
  const got = call(s.machine.scratch, 512);
  if (expected in Errors) {
    expectResult(s, step, index, got, 0);
    return;
  }
  const text = got < 0 ? `${errorName(got)}` : s.machine.memory.utf8(s.machine.scratch, got);
  if (text !== expected) throw new Error(`got ${JSON.stringify(text)}`);
}

const expectations: Record<string, Operation> = {
  whatever: (s) => {
    s.events.takeLines();
    s.port.wire.takeLines();
    s.during.length = 0;
  },
  events: (s, step) => expectLines(s.events.takeLines(), step.slice(1), "events"),
  wire: (s, step) => expectLines(s.port.wire.takeLines(), step.slice(1), "wire"),
  /* Of several connections, each in its order. */
  "wire-apart": (s, step) => expectLines(bySocket(s.port.wire.takeLines()), bySocket(step.slice(1)), "wire"),
  state: (s, step) => {
    const got = s.core.exports.twc_state(s.core.self, handleAt(s, step, 1));
    const name = got < 0 ? errorName(got) : states[got];
    if (name !== step[2]) throw new Error(`the state is ${name}`);
  },
  buffered: (s, step) => expectResult(s, step, 2, s.core.exports.twc_buffered(s.core.self, handleAt(s, step, 1)), 0),
  room: (s, step) => expectResult(s, step, 2, s.core.exports.twc_room(s.core.self, handleAt(s, step, 1)), 0),
  stats: (s, step) => {
    const { memory, scratch } = s.machine;
    const result = s.core.exports.twc_stats(s.core.self, handleAt(s, step, 1), scratch);
    if (step.length === 3) return expectResult(s, step, 2, result, 0);
    if (result < 0) throw new Error(`got ${errorName(result)}`);
    const { received, sent, connects, refused } = memory.stats(scratch);
    for (const [index, got] of [received, sent, connects, refused].entries()) expectResult(s, step, 2 + index, got, 0);
  },
  "address-stats": (s, step) => {
    const { memory, scratch } = s.machine;
    const result = s.core.exports.twc_address_stats(s.core.self, handleAt(s, step, 1), scratch);
    if (step.length === 3) return expectResult(s, step, 2, result, 0);
    if (result < 0) throw new Error(`got ${errorName(result)}`);
    const got = memory.addressStats(scratch);
    const values = [got.admitted, got.refusedConnections, got.refusedHandshakes, got.refusedMessages, got.untracked];
    for (const [index, value] of values.entries()) expectResult(s, step, 2 + index, value, 0);
  },
  "free-blocks": (s, step) => {
    const got = s.core.exports.twc_free_blocks(s.core.self) >>> 0;
    if (step[1] !== "all") return expectResult(s, step, 1, got, 0);
    if (got !== s.allBlocks) throw new Error(`${got} of ${s.allBlocks} are free`);
  },
  wait: (s, step) => {
    const got = s.wait();
    if (typeof got === "number" && step[1] !== "forever") return expectResult(s, step, 1, got, 0);
    if (got !== step[1]) throw new Error(`got ${got}`);
  },
  writes: (s, step) => {
    const socket = s.port.find(handleAt(s, step, 1));
    expectResult(s, step, 2, socket?.writes ?? -1, 0);
    if (socket !== undefined) socket.writes = 0;
  },
  target: (s, step) => {
    const handle = handleAt(s, step, 1);
    expectText(s, step, 2, (to, room) => s.core.exports.twc_target(s.core.self, handle, to, room));
  },
  subprotocol: (s, step) => {
    const handle = handleAt(s, step, 1);
    expectText(s, step, 2, (to, room) => s.core.exports.twc_protocol(s.core.self, handle, to, room));
  },
  address: (s, step) => {
    const handle = handleAt(s, step, 1);
    const which = step[2] === "local" ? AddressOf.LOCAL : AddressOf.REMOTE;
    expectText(s, step, 3, (to) => s.core.exports.twc_address(s.core.self, handle, which, to, MAX_ADDRESS));
  },
};

/** Lines of the wire, those of a socket together. */
function bySocket(lines: readonly (string | number)[]): string[] {
  const name = (line: string): string => line.split(" ")[1] ?? "";
  return lines.map(String).sort((one, other) => (name(one) < name(other) ? -1 : name(one) > name(other) ? 1 : 0));
}

/** Steps that add to what the peer has sent, so that both can come in one delivery. */
const FROM_PEER = new Set<string | number>(["rx", "rx-masked", "ended"]);

/**
 * The lines of a run, without those of the wire about how the host reads and when our half ends: with bytes that come
 * together that is as it should be.
 */
function takeLeft(s: Session): string {
  const wire = s.port.wire.takeLines().filter((line) => !/^(read|shutdown) /.test(line));
  return [...s.events.takeLines(), ...wire].join("\n");
}

/** Runs a step. Throws if it fails. */
export function runStep(s: Session, step: Step): void {
  const [name] = step;
  if (!(name in script && name.startsWith("limit"))) s.core; /* makes it */
  const moves = host[name] ?? calls[name] ?? httpCalls[name] ?? webSocketCalls[name];
  const operation = moves ?? script[name] ?? expectations[name];
  if (operation === undefined) throw new Error(`no operation is named ${name}`);
  if (s.comparesLater) {
    if (operation === expectations[name]) return;
    if (!FROM_PEER.has(name)) s.deliverJoined();
  }
  operation(s, step);
  if (moves !== undefined) s.settle();
  if (s.port.fault !== "") throw new Error(`the core broke the contract of the host: ${s.port.fault}`);
}

/** Fails if a case left lines unread, or if anything stays in the core once all is closed. */
export function cleanUp(s: Session): void {
  s.deliverJoined();
  if (s.comparesLater) s.left = takeLeft(s);
  expectLines(s.events.takeLines(), [], "events that no step expected");
  expectLines(s.port.wire.takeLines(), [], "wire that no step expected");
  if (s.during.length > 0) throw new Error("no event came for what was to be done during it");
  s.hold = false;
  s.port.refuseOpen = 0;
  const { exports, self } = s.core;
  for (const socket of s.port.all()) exports.twc_close(self, socket.handle);
  s.settle();
  s.advance(s.limits.closeTimeoutMs);
  const left = [
    s.port.fault,
    exports.twc_free_blocks(self) >>> 0 === s.allBlocks ? "" : "blocks of the pool",
    s.wait() === "forever" ? "" : "a timer",
    s.port.all().some((socket) => socket.open) ? "a socket of the host's" : "",
  ].filter((what) => what !== "");
  if (left.length > 0) throw new Error(`when all was closed, there was left: ${left.join(", ")}`);
  if (s.own.has("textPool")) return;
  for (let index = 0; index < s.limits.sockets + s.limits.webSockets; index++) {
    runStep(s, index < s.limits.sockets ? ["tcp", `#${index}`, "h", 80] : ["ws", `#${index}`, "ws://h/"]);
  }
}
