/** Makes a vector of a trace: what the application and the host did are its steps, what came of it is what must come. */
import { ClientStream, Log, newSocket, parseBytes, type ScriptSocket } from "../../adapters/script/index.ts";
import { Errors, Event, Kind } from "../../wasm/abi.gen.ts";
import type { TraceLine } from "../../wasm/trace/lines.ts";
import { EventLog, type Records } from "./events.ts";
import type { Step, VectorCase } from "./file.ts";

type Words = readonly (string | number)[];

const STOCK = 256;

/** The core's stock of random bytes: which of them a replay draws, so that its handshakes have the same nonces. */
class Random {
  readonly bytes: number[] = [];
  #left = 0;

  draw(bytes: Uint8Array): void {
    if (this.#left < bytes.length) {
      for (; this.#left > 0; this.#left--) this.bytes.push(0);
      this.#left = STOCK;
    }
    this.bytes.push(...bytes);
    this.#left -= bytes.length;
  }
}

/** Keys that differ: no frame may have that of the one before. */
function keyOf(count: number): Uint8Array {
  return Uint8Array.of(count >> 24, count >> 16, count >> 8, count);
}

/** What a trace is as a case, and the connections that can't be part of it. */
export interface Replayable {
  readonly one: VectorCase;
  readonly left: readonly string[];
}

/** Limits of a dump that decide what the core does; sizes of memory do not, as long as it suffices. */
const LIMITS = [
  ...["maxMessage", "maxHead", "maxLine", "maxFields", "maxFragments", "maxUnfinished", "addresses"],
  ...["connectTimeoutMs", "handshakeTimeoutMs", "closeTimeoutMs", "stallTimeoutMs"],
];

const OPENS = /^(tcp|ws|unix|udp)(-via|-bind|-allowed)?$|^listen$/;

/** The core's places in a case that sets none. */
const PLACES = 4;
const SEND_BUFFER = 65_536;

/** The case that replays a trace, without the connections that began before it. @throws Error for a line of no trace. */
export function vectorOf(name: string, lines: readonly string[]): VectorCase {
  return replayableOf(name, lines).one;
}

/** As `vectorOf`, and the connections that were left out. */
export function replayableOf(name: string, lines: readonly string[]): Replayable {
  const all = lines.map((line) => JSON.parse(line) as TraceLine);
  const header = all.find(({ began }) => began !== undefined);
  const trace = all.filter((line) => line !== header);
  const { names, left } = connectionsOf(trace, header?.unfinished ?? []);
  const whole = trace.filter((line) => ownersOf(line).every((owner) => !left.has(owner)));
  const places = Math.max(PLACES, names.size);
  const sendBuffer = Math.max(SEND_BUFFER, 2 * Math.max(0, ...whole.map(({ call }) => Math.max(0, ...sizesOf(call)))));
  const limits = LIMITS.flatMap((limit) => {
    const value = header?.limits?.[limit];
    return value === undefined ? [] : [["limit", limit, value] as Step];
  });
  const steps: Step[] = [
    ["limit", "sockets", places],
    ["limit", "webSockets", places],
    ["limit", "sendBuffer", sendBuffer],
    ["limit", "sendPool", 2 * sendBuffer],
    ...limits,
    ...new Replay(inOrderOfCause(whole), header !== undefined).steps(),
  ];
  return { one: { name, steps }, left: [...left] };
}

/** The characters of a call's texts: not fewer than their bytes. */
function sizesOf(words: Words = []): number[] {
  return words.map((word) => `${word}`.length);
}

/** The connections that a line is about. */
function ownersOf({ host, call, wire, of, by }: TraceLine): string[] {
  if (host?.[0] === "accepted") return [`${host[1]}`, `${host[2]}`];
  const [, name = of] = host ?? call ?? wire ?? [];
  return [name, by].filter((it) => it !== undefined).map(String);
}

/** All connections of a trace, and those that can't be replayed: they began before it, or some of their bytes are missing. */
function connectionsOf(
  trace: readonly TraceLine[],
  unfinished: readonly string[],
): Record<"names" | "left", Set<string>> {
  const names = new Set<string>();
  const left = new Set(unfinished);
  const opened = new Set(trace.filter(({ call }) => OPENS.test(`${call?.[0]}`)).map(({ call }) => `${call?.[1]}`));
  for (const line of trace) {
    const accepts = line.host?.[0] === "accepted";
    for (const name of ownersOf(line)) {
      const begins = accepts ? line.host?.[2] === name : line.wire?.[0] === "open" && opened.has(name);
      if (!names.has(name) && !begins) left.add(name);
      names.add(name);
      if (line.left !== undefined || `${line.call?.[0]}`.startsWith("ws-attach")) left.add(name);
    }
  }
  for (const { host } of trace) if (host?.[0] === "accepted" && left.has(`${host[1]}`)) left.add(`${host[2]}`);
  return { names, left };
}

/**
 * A replayed step reports all that it causes. In the trace the end of a connection that the core has closed is reported in
 * a later loop iteration, perhaps behind deliveries of other connections: it is moved in front of them.
 */
function inOrderOfCause(trace: readonly TraceLine[]): readonly TraceLine[] {
  const lines = [...trace];
  for (const [at, { event, of }] of trace.entries()) {
    if (event !== "DISCONNECTED") continue;
    const closed = lines.slice(0, at).findLastIndex(({ wire }) => wire?.[0] === "close" && wire[1] === of);
    const delivery = closed < 0 ? at : lines.findIndex(({ host }, index) => index > closed && host !== undefined);
    if (delivery < 0 || delivery >= at) continue;
    const between = lines.slice(delivery, at + 1);
    const moved = between.filter((line) => line.event !== undefined && line.of === of);
    lines.splice(delivery, between.length, ...moved, ...between.filter((line) => !moved.includes(line)));
  }
  return lines;
}

class Replay {
  readonly #trace: readonly TraceLine[];
  readonly #steps: Step[] = [];
  readonly #sockets = new Map<string, ScriptSocket>();
  readonly #wire = new Log();
  readonly #random = new Random();
  readonly #events: EventLog;
  readonly #isDump: boolean;
  #frames = 0;
  #ms = 0;

  /** `isDump`: it may end in the middle of what a step causes. */
  constructor(trace: readonly TraceLine[], isDump: boolean) {
    this.#trace = trace;
    this.#isDump = isDump;
    const names = (handle: number): ScriptSocket | undefined => [...this.#sockets.values()][handle];
    const fail = (_socket: unknown, what: string): void => {
      throw new Error(`the trace violates the core interface: ${what}`);
    };
    this.#events = new EventLog({ find: names, fail }, { add() {} });
  }

  steps(): Step[] {
    for (const [at, line] of this.#trace.entries()) {
      if (line.host !== undefined) this.#deliver(at, line.host);
      else if (line.call !== undefined) this.#call(at, line.call, line.result ?? 0);
      else if (line.wire !== undefined) this.#wrote(line.wire, line);
      else if (line.event !== undefined) this.#event(line);
      else throw new Error(`line ${at + 1} is empty`);
    }
    if (this.#isDump) this.#steps.push(["whatever"]);
    else this.#check();
    return [["random", `x:${Buffer.from(this.#random.bytes).toString("hex")}`], ...this.#steps];
  }

  #deliver(at: number, words: Words): void {
    /* What a delivery causes is all there before the next one comes. */
    this.#check();
    const [word, name] = words as [string, string];
    if (word === "accepted") this.#add(String(words[2]), Kind.TCP);
    this.#step(at, name, words as Step);
  }

  #call(at: number, words: Words, result: number | string): void {
    const [word, name] = words as [string, string];
    const kind = /^ws/.test(word)
      ? Kind.WS
      : /^udp/.test(word)
        ? Kind.UDP
        : word === "listen"
          ? Kind.LISTENER
          : Kind.TCP;
    if (OPENS.test(word)) this.#add(name, kind);
    this.#step(at, name, (typeof result === "string" ? [...words, result] : words) as Step);
    if (word === "ws-accept" && result === 0) this.#serve(name);
    /* The host does these at once; a trace does not repeat what the call has. */
    if (typeof result === "number" && word === "udp-send")
      this.#wire.line(`${words[2] === "" ? "send" : "send-to"} ${name} *`);
    if (typeof result === "number" && word === "udp-connect") this.#wire.line(`connect ${name} *`);
  }

  /** Adds a step at its time, preceded by how much the host takes of the writes that it causes. */
  #step(at: number, name: string, step: Step): void {
    const ms = this.#trace[at]?.ms ?? this.#ms;
    if (ms > this.#ms) this.#steps.push(["late", ms - this.#ms]);
    this.#ms = ms;
    for (const [of, taken] of this.#takes(at))
      if (of !== name || this.#isOpen(of)) this.#steps.push(["take", of, taken]);
    this.#steps.push(step);
  }

  #takes(at: number): Map<string, number | "all"> {
    const takes = new Map<string, number | "all">();
    for (let next = at + 1; next < this.#trace.length; next++) {
      const { host, wire, size = 0, taken = 0 } = this.#trace[next] as TraceLine;
      if (host !== undefined) break;
      const name = String(wire?.[1]);
      if (wire?.[0] === "write" && taken < size) takes.set(name, Number(takes.get(name) ?? 0) + taken);
    }
    return takes;
  }

  #isOpen(name: string): boolean {
    return this.#sockets.has(name);
  }

  #wrote(words: Words, { bytes = "" }: TraceLine): void {
    const [word, name, ...rest] = words as [string, string, ...(string | number)[]];
    const socket = this.#sockets.get(name);
    if (word === "open") {
      socket?.stream?.restart();
      this.#wire.line(`open ${name} *`);
    } else if (word !== "write") {
      this.#wire.line([word, name, ...rest.filter((it) => it !== "")].join(" "));
    } else if (socket?.stream === undefined) {
      this.#wire.join(`write ${name}`, parseBytes(bytes));
    } else {
      this.#masked(socket.stream, parseBytes(bytes));
    }
  }

  /** A client's bytes: its nonce, and then a key for each frame, are what it drew. */
  #masked(stream: ClientStream, bytes: Uint8Array): void {
    const [key, frames] = [stream.key, stream.frames];
    stream.add(bytes);
    if (stream.key !== key) this.#random.draw(new Uint8Array(Buffer.from(stream.key, "base64")));
    for (let count = stream.frames - frames; count > 0; count--) this.#random.draw(keyOf(++this.#frames));
  }

  #event(line: TraceLine): void {
    const names = [...this.#sockets.keys()];
    this.#events.add(
      recordOf(line, (name) => names.indexOf(name)),
      0,
    );
  }

  /** What has come until now must have come. */
  #check(): void {
    const [wire, events] = [this.#wire.takeLines(), this.#events.takeLines()];
    /* What a loop iteration has queued for several connections is written in an order that a replay, step by step, has not. */
    const sockets = new Set(wire.map((line) => line.split(" ")[1]));
    if (wire.length > 0) this.#steps.push([sockets.size > 1 ? "wire-apart" : "wire", ...wire]);
    if (events.length > 0) this.#steps.push(["events", ...events]);
  }

  #add(name: string, kind: Kind): void {
    const socket = newSocket(name, kind);
    if (kind === Kind.WS) socket.stream = this.#stream(name, false);
    this.#sockets.set(name, socket);
  }

  #serve(name: string): void {
    const socket = this.#sockets.get(name);
    if (socket !== undefined) socket.stream = this.#stream(name, true);
  }

  #stream(name: string, server: boolean): ClientStream {
    return new ClientStream(name, this.#wire, () => {}, server);
  }
}

/** A line as the record that it was. */
function recordOf(line: TraceLine, handleOf: (name: string) => number): Records {
  const number = (value: number | string | undefined): number =>
    typeof value === "string" ? (Errors[value as keyof typeof Errors]?.value ?? 0) : (value ?? 0);
  const type = Event[line.event as keyof typeof Event];
  const bytes = parseBytes(line.bytes ?? "");
  const detail = line.by === undefined ? (line.detail ?? 0) : handleOf(line.by);
  return {
    arena: 0,
    sender: 0,
    memory: {
      eventHandle: () => handleOf(line.of ?? ""),
      eventType: () => type,
      eventFlags: () => line.flags ?? 0,
      eventData: () => 0,
      eventSize: () => bytes.length,
      eventCode: () => number(line.code),
      eventDetail: () => detail,
      eventRetryMs: () => line.retryMs ?? 0,
      eventStep: () => line.step ?? 0,
      eventPort: () => line.from?.[1] ?? 0,
      view: () => bytes,
      utf8: () => line.from?.[0] ?? "",
    },
  };
}
