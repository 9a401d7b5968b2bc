/** A session of test/vectors through ws.h: the driver has the WebSocket, and a peer of bytes sends what the vector says. */
import { connect, type Socket } from "node:net";
import { expect } from "@jest/globals";
import { ClientStream, Log, parseBytes } from "../../adapters/script/index.ts";
import { numberAt, type Step, textAt, type VectorCase } from "../../cli/conformance/file.ts";
import { maskFrames } from "../../cli/conformance/frames.ts";
import { atEnd, readHead, switching, type TcpPeer, tcpPeer } from "../support/peers.ts";
import { Inbox, PATIENCE, within } from "../support/wait.ts";
import type { Driver } from "./driver.ts";

/**
 * How the peer's bytes arrive: each step's as one piece, byte by byte, or joined: all that comes between two calls of the
 * application, and the peer's end, as one piece.
 */
export type Form = "whole" | "split" | "joined";

/** What a real peer cannot do, or what only the core shows, leaves a case out. These steps are expressed ... */
const EXPRESSED: ReadonlySet<string> = new Set([
  ...[
    "limit",
    "open-ws",
    "open-listener",
    "open-served",
    "rx",
    "rx-masked",
    "ended",
    "closed",
    "events",
    "wire",
    "state",
  ],
  ...["ws-send", "ping", "ws-close", "close", "receiving", "during"],
  /* ... and these ask for what ws.h does not show: the pool, the timers, the calls of the host. */
  ...["wait", "free-blocks", "writes"],
]);
const CALLS: ReadonlySet<string> = new Set(["ws-send", "ping", "ws-close", "close", "state"]);
const UNEVENTFUL: ReadonlySet<string> = new Set(["open-listener", "limit", "wait", "free-blocks", "writes"]);

/** Payload that fits into a line of the driver. */
const MAX_PAYLOAD = 30_000;

/** Bytes that are sent one by one; of more, the first and the last ones are. */
const SINGLE = 24;

/** Whether every step of a case can be expressed with ws.h and a socket. */
export function isExpressed({ steps }: VectorCase): boolean {
  const durings = steps.filter(([op]) => op === "during").length;
  const events = steps.filter(([op]) => op === "events").flatMap((step) => step.slice(1).map(String));
  /* ws.h joins the parts of a message, so that a call in the handler of one has no place. */
  if (events.slice(0, durings).some((line) => /^(part|more|last) /.test(line))) return false;
  if (events.some((line) => line.endsWith(" *"))) return false;
  return steps.every((step) => {
    const [op, ...rest] = step[0] === "during" ? (step.slice(1) as [string, ...(string | number)[]]) : step;
    if (!EXPRESSED.has(op) || (step[0] === "during" && !CALLS.has(op))) return false;
    if (op === "closed") return rest[1] === 0 || rest[1] === "ERR_RESET";
    if (op === "ws-close") return typeof rest[1] === "number" && rest[1] !== 0 && typeof rest[0] === "string";
    if (op === "ws-send")
      return /^(text|binary)(\+(more|last))?$/.test(`${rest[1]}`) && bytesOf(step, op).length < MAX_PAYLOAD;
    return true;
  });
}

/** The limits of a case, as the driver takes them; those of test/vectors/README.md otherwise. */
export function limitsOf({ steps }: VectorCase): string[] {
  const own = steps.filter(([op]) => op === "limit").map(([, name, value]) => `${name}=${value}`);
  return ["recvBuffer=4096", "stageBuffer=4096", "blockSize=512", "maxMessage=1048576", "shown=1000000", ...own];
}

function bytesOf(step: Step, op: string): Uint8Array {
  return parseBytes(`${step[step.indexOf(op) + (op === "ping" || op === "rx" || op === "rx-masked" ? 2 : 3)] ?? ""}`);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex") || "-";
}

/** Bytes as a line of a vector shows them. */
function shownBytes(text: string): Buffer {
  return Buffer.from(parseBytes(text.startsWith("'") ? `x:${text}` : text));
}

const STEPS = ["", "open", "connect", "handshake", "receive", "send", "close", "tls", "accept", "proxy"];
const LINE = /^(\S+) (\S+) ?(.*)$/s;

/** One WebSocket: what the vector expects of it and what came. */
class Side {
  readonly handle: number;
  readonly socket: Socket;
  readonly stream: ClientStream;
  readonly log = new Log();
  /** Lines of the driver that are expected so far, and frames. */
  readonly events: string[] = [];
  readonly frames: string[] = [];
  readonly gotFrames: string[] = [];
  readonly faults: string[] = [];
  hasEnded = false;
  /** Whether the driver must have ended its half. */
  ends = false;
  /** What waits to be sent as one piece, and whether the end follows. */
  pending: Buffer[] = [];
  endsPending = false;
  #kind = "";
  #message: Buffer[] = [];

  constructor(name: string, handle: number, socket: Socket, server: boolean) {
    this.handle = handle;
    this.socket = socket;
    this.stream = new ClientStream(name, this.log, (fault) => this.faults.push(fault), server);
    this.stream.upgraded = true;
    socket.setNoDelay(true);
    socket.on("data", (data) => {
      this.stream.add(data);
      this.gotFrames.push(...this.log.takeLines());
    });
    const end = (): void => {
      this.hasEnded = true;
    };
    socket.on("end", end).on("close", end);
  }

  /** Notes a line of a vector as what the driver has to print. */
  expectEvent(line: string): void {
    const [, word = "", , rest = ""] = LINE.exec(line) ?? [];
    const { handle, events } = this;
    const message = /^(text|binary)(?: ascii)?(?: compressed)? (.*)$/s.exec(rest);
    if (message !== null && ["message", "part", "more", "last"].includes(word)) {
      const [, kind = "", bytes = ""] = message;
      if (word === "message" || word === "part") [this.#kind, this.#message] = [kind, []];
      this.#message.push(shownBytes(bytes));
      if (word === "part" || word === "more") return;
      const whole = Buffer.concat(this.#message);
      events.push(`message ${handle} ${whole.length} ${hexOf(whole)} ${this.#kind} first final`);
      return;
    }
    const words = rest.split(" ");
    if (word === "ping" || word === "pong") {
      const bytes = shownBytes(rest);
      events.push(`${word} ${handle} ${bytes.length} ${hexOf(bytes)}`);
    } else if (word === "close") {
      events.push(`closing ${handle} ${words[0]} ${shownBytes(words.slice(1).join(" "))}`);
    } else if (word === "error") {
      const [code, step = "", detail, , retry] = words;
      events.push(`error ${handle} ${code} ${STEPS.indexOf(step)} ${retry === "never" ? -1 : retry} ${detail}`);
    } else if (word === "disconnected") {
      const [code, , unsent, , retry, clean] = words;
      events.push(`disconnected ${handle} ${code} ${clean ?? "unclean"} ${unsent} ${retry === "never" ? -1 : retry}`);
    } else {
      events.push(`${word} ${handle}`);
    }
  }
}

/** Runs cases on one driver, one after the other. */
export class Sessions {
  readonly #driver: Driver;
  readonly #peer: TcpPeer;
  readonly #accepted: Inbox<Socket>;
  readonly #server: { handle: number; port: number };

  private constructor(
    driver: Driver,
    peer: TcpPeer,
    accepted: Inbox<Socket>,
    server: { handle: number; port: number },
  ) {
    this.#driver = driver;
    this.#peer = peer;
    this.#accepted = accepted;
    this.#server = server;
  }

  static async on(driver: Driver): Promise<Sessions> {
    const accepted = new Inbox<Socket>("a connection");
    const accept = (socket: Socket): void =>
      readHead(socket, (head) => {
        socket.write(switching(head));
        accepted.push(socket);
      });
    const peer = await tcpPeer(accept, { allowHalfOpen: true });
    const handle = await driver.open("wslisten", "127.0.0.1", 0);
    await driver.waitFor(`connected ${handle}`);
    const port = Number((await driver.call("local", handle)).split(":")[1]);
    return new Sessions(driver, peer, accepted, { handle, port });
  }

  /** Runs a case; rejects where ws.h differs from what the vector says. */
  async run({ steps }: VectorCase, form: Form): Promise<void> {
    const sides = new Map<string, Side>();
    this.#driver.events.length = 0;
    const during: string[] = [];
    try {
      for (const step of steps) await this.#step(step, form, sides, during);
      for (const side of sides.values()) await this.#flush(side, form);
      await this.#settle(sides, during);
      await this.#driver.call("up");
      await this.#settle(sides, during);
    } finally {
      for (const { handle, socket } of sides.values()) {
        await this.#driver.call("wsabort", handle);
        socket.destroy();
      }
    }
  }

  async #step(step: Step, form: Form, sides: Map<string, Side>, during: string[]): Promise<void> {
    const [op, ...rest] = step;
    if (UNEVENTFUL.has(op)) return;
    if (op === "open-ws") {
      sides.set(textAt(step, 1), await this.#dial(textAt(step, 1)));
      return;
    }
    if (op === "open-served") {
      sides.set(textAt(step, 2), await this.#serve(textAt(step, 2)));
      return;
    }
    if (op === "during") {
      const inner = rest as [string, ...(string | number)[]];
      const { words, expected } = callOf(inner, sideOf(sides, inner));
      await this.#driver.call("during", ...words);
      during.push(`during ${expected}`);
      return;
    }
    if (op === "events" || op === "wire") {
      for (const line of rest.map(String)) expectLine(line, op, sides);
      if (form !== "joined") await this.#settle(sides, during, op);
      return;
    }
    const side = sideOf(sides, step);
    if (op === "rx" || op === "rx-masked") {
      const bytes = bytesOf(step, op);
      side.pending.push(Buffer.from(op === "rx" ? bytes : maskFrames(bytes)));
      if (form !== "joined") await this.#flush(side, form);
      return;
    }
    if (op === "ended" || (op === "closed" && step[2] === 0)) {
      side.endsPending = true;
      if (form !== "joined") await this.#flush(side, form);
      return;
    }
    if (op === "state" && form === "joined" && (side.pending.length > 0 || side.endsPending)) return;
    for (const it of sides.values()) await this.#flush(it, form);
    await this.#wait(sides);
    if (op === "closed") {
      /* A reset drops what this end has not read: the loop polls once more before. */
      for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
      side.socket.resetAndDestroy();
      return;
    }
    const { words, expected } = callOf(step, side);
    expect([words.join(" "), await this.#driver.call(...words)]).toEqual([words.join(" "), expected]);
  }

  /** The driver as a client. */
  async #dial(name: string): Promise<Side> {
    const handle = await this.#driver.open("ws", `ws://127.0.0.1:${this.#peer.port}/`);
    const side = new Side(name, handle, await this.#accepted.next(), false);
    await this.#driver.waitFor(`connected ${handle}`);
    this.#driver.events.splice(this.#driver.events.indexOf(`connected ${handle}`), 1);
    return side;
  }

  /** The driver as a server. */
  async #serve(name: string): Promise<Side> {
    const socket = connect({ host: "127.0.0.1", port: this.#server.port, allowHalfOpen: true });
    atEnd(() => socket.destroy());
    socket.on("error", () => {});
    const fields = ["Host: h", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
    socket.write(`GET / HTTP/1.1\r\n${fields.join("\r\n")}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
    const head = await within(new Promise<string>((resolve) => readHead(socket, resolve)), "the answer");
    expect(head).toContain("HTTP/1.1 101 ");
    const line = await this.#driver.waitFor(/^connected \d+$/);
    this.#driver.events.splice(this.#driver.events.indexOf(line), 1);
    return new Side(name, Number(line.split(" ")[1]), socket, true);
  }

  /** Sends what waits. */
  async #flush(side: Side, form: Form): Promise<void> {
    const bytes = Buffer.concat(side.pending);
    side.pending = [];
    const ends = side.endsPending;
    side.endsPending = false;
    const { socket } = side;
    if (form === "split") {
      for (const piece of pieces(bytes)) {
        socket.write(piece);
        await this.#driver.call("up"); /* an iteration of its loop has ended: it has read them */
      }
    } else if (bytes.length > 0) {
      socket.write(bytes);
    }
    if (ends) socket.end();
    await this.#driver.call("up");
  }

  #eventsOf({ handle }: Side): string[] {
    const isOf = (line: string): boolean => line.split(" ")[1] === `${handle}` && !line.startsWith("during ");
    return this.#driver.events.filter(isOf);
  }

  /** Waits until as much has come as is expected. */
  async #wait(sides: ReadonlyMap<string, Side>): Promise<void> {
    const end = performance.now() + PATIENCE / 3;
    const isComplete = (it: Side): boolean =>
      this.#eventsOf(it).length >= it.events.length &&
      it.gotFrames.length >= it.frames.length &&
      (it.hasEnded || !it.ends);
    while (![...sides.values()].every(isComplete) && performance.now() < end) {
      await this.#driver.call("up");
      await new Promise(setImmediate);
    }
  }

  /** Waits for what is expected, and compares: events, what the peer has got, or both. */
  async #settle(
    sides: ReadonlyMap<string, Side>,
    during: readonly string[],
    what: "events" | "wire" | "all" = "all",
  ): Promise<void> {
    await this.#wait(sides);
    for (const it of sides.values()) {
      if (what !== "wire") expect(this.#eventsOf(it)).toEqual(it.events);
      if (what === "events") continue;
      const got = { frames: it.gotFrames, faults: it.faults, ends: it.hasEnded || !it.ends };
      expect(got).toEqual({ frames: it.frames, faults: [], ends: true });
    }
    const answers = this.#driver.events.filter((line) => line.startsWith("during "));
    expect(answers).toEqual(what === "all" ? during : during.slice(0, answers.length));
  }
}

function sideOf(sides: ReadonlyMap<string, Side>, step: Step): Side {
  const side = sides.get(textAt(step, 1));
  if (side === undefined) throw new Error(`there is no ${step[1]}`);
  return side;
}

function expectLine(line: string, op: "events" | "wire", sides: ReadonlyMap<string, Side>): void {
  const [, word, name = ""] = LINE.exec(line) ?? [];
  const side = sides.get(name);
  if (side === undefined) throw new Error(`nothing has the name of ${line}`);
  if (op === "events") side.expectEvent(line);
  else if (word === "frame") side.frames.push(line);
  else if (word === "close" || word === "shutdown") side.ends = true;
}

/** A call of the application: the line for the driver, and what it must answer. */
function callOf(step: Step, { handle }: Side): { words: (string | number)[]; expected: string } {
  const [op] = step;
  const answer = (index: number, otherwise: number | string): string => {
    const result = step[index] ?? otherwise;
    return typeof result === "string" && result.startsWith("ERR_") ? `-1 ${result}` : `${result}`;
  };
  switch (op) {
    case "ws-send": {
      const bytes = parseBytes(textAt(step, 3));
      return { words: ["wsbytes", handle, textAt(step, 2), hexOf(bytes)], expected: answer(4, bytes.length) };
    }
    case "ping":
      return { words: ["wspingbytes", handle, hexOf(parseBytes(textAt(step, 2)))], expected: answer(3, 0) };
    case "ws-close": {
      const reason = hexOf(parseBytes(textAt(step, 3)));
      return { words: ["wsclosebytes", handle, numberAt(step, 2), reason], expected: answer(4, 0) };
    }
    case "close":
      return { words: ["wsclose", handle], expected: answer(2, 0) };
    case "receiving":
      return { words: [step[2] === 0 ? "wspause" : "wsresume", handle], expected: answer(3, 0) };
    default:
      /* ws.h knows three states: one that closes is closed, and a number that is stale. */
      return { words: ["wsstate", handle], expected: `${step[2]}`.replace(/closing|ERR_HANDLE/, "closed") };
  }
}

/** Single bytes, and of long data the middle as one piece. */
function pieces(bytes: Buffer): Buffer[] {
  const single = (part: Buffer): Buffer[] => Array.from(part, (_, at) => part.subarray(at, at + 1));
  if (bytes.length <= 2 * SINGLE) return single(bytes);
  const middle = bytes.subarray(SINGLE, bytes.length - SINGLE);
  return [...single(bytes.subarray(0, SINGLE)), middle, ...single(bytes.subarray(-SINGLE))];
}
