/** The driver for worker threads: it reaches a broker in another thread by a MessagePort. */
import { TwinwireError } from "../../wasm/errors.ts";
import {
  brokerError,
  type DriverEvents,
  type DriverLimits,
  type History,
  type HubDriver,
  invalid,
  type Member,
  type OutgoingMessage,
  type Position,
} from "./driver.ts";

/** What is used of a MessagePort, of the web or of `node:worker_threads`. */
export interface HubPort {
  postMessage(message: unknown): void;
  addEventListener(kind: "message" | "close", listener: (event: object) => void): void;
  start(): void;
  close(): void;
  unref?(): unknown;
}

/** Events that may be on their way to a thread that is busy; then it is cut off until it has read them. */
const MOST_AHEAD = 4096;
/** Events after which a thread reports how far it is. */
const EACH = 256;

const CALLS = ["publish", "subscribe", "unsubscribe", "read", "enter", "exit", "members", "renew", "close"] as const;
type Call = (typeof CALLS)[number];

/** What a driver sends: to open, a call and its number, or the number of events that it has received. */
type Request =
  | { readonly open: string; readonly limits: DriverLimits }
  | { readonly call: number; readonly name: Call; readonly args: readonly unknown[] }
  | { readonly seen: number };

/** What it is sent. */
type Reply =
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly problem: string }
  | { readonly event: keyof DriverEvents; readonly args: readonly unknown[] };

/**
 * Connects a hub in a worker thread with a `MemoryBroker` in another thread of the process, which serves the other port of the
 * channel.
 *
 * ```ts
 * import { workerData } from "node:worker_threads";
 * const hub = new Hub(new PortDriver(workerData.port));
 * ```
 */
export class PortDriver implements HubDriver {
  readonly #port: HubPort;
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: TwinwireError): void }>();
  #events: DriverEvents | undefined;
  #count = 0;
  #seen = 0;
  #closed = false;

  constructor(port: HubPort) {
    this.#port = port;
  }

  open(node: string, events: DriverEvents, limits: DriverLimits): void {
    this.#events = events;
    this.#port.addEventListener("message", (event) => this.#receive(dataOf(event)));
    this.#port.addEventListener("close", () => this.#ended());
    this.#port.start();
    this.#send({ open: node, limits });
  }

  publish(topic: string, message: OutgoingMessage): Promise<Position> {
    return this.#call("publish", topic, message);
  }

  subscribe(topic: string): Promise<void> {
    return this.#call("subscribe", topic);
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#call("unsubscribe", topic);
  }

  read(topic: string, after: Position | undefined, most: number): Promise<History> {
    return this.#call("read", topic, after, most);
  }

  enter(topic: string, members: readonly Member[]): Promise<void> {
    return this.#call("enter", topic, members);
  }

  exit(topic: string, member: Member): Promise<void> {
    return this.#call("exit", topic, member);
  }

  members(topic: string): Promise<readonly Member[]> {
    return this.#call("members", topic);
  }

  renew(): Promise<boolean> {
    return this.#call("renew");
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      await this.#call("close");
    } finally {
      this.#port.close();
    }
  }

  #call<T>(name: Call, ...args: readonly unknown[]): Promise<T> {
    const call = ++this.#count;
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(call, { resolve: resolve as (value: unknown) => void, reject });
      this.#send({ call, name, args });
    });
  }

  #receive(data: unknown): void {
    const reply = data as Partial<Record<"answer" | "value" | "problem" | "event" | "args", unknown>> | null;
    const { answer, value, problem, event, args } = reply ?? {};
    if (typeof answer === "number") {
      const waiting = this.#calls.get(answer);
      this.#calls.delete(answer);
      if (problem === undefined) waiting?.resolve(value);
      else waiting?.reject(new TwinwireError("ERR_BROKER", { step: "send", reason: String(problem) }));
      return;
    }
    const run = EVENTS[event as keyof DriverEvents];
    if (this.#events === undefined || run === undefined || !Array.isArray(args)) {
      this.#events?.invalid(invalid("the port", "a message that no broker sends"));
      return;
    }
    if (!this.#closed) run(this.#events, args);
    if (++this.#seen % EACH === 0) this.#send({ seen: this.#seen });
  }

  /** The broker's thread has ended. */
  #ended(): void {
    const error = new TwinwireError("ERR_BROKER", { step: "receive", reason: "the port is closed" });
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
    if (!this.#closed) this.#events?.down(error);
  }

  #send(request: Request): void {
    this.#port.postMessage(request);
  }
}

function dataOf(event: object): unknown {
  return "data" in event ? event.data : undefined;
}

/** How each event is reported; errors are not cloned with their codes. */
const EVENTS: { readonly [K in keyof DriverEvents]: (events: DriverEvents, args: readonly unknown[]) => void } = {
  up: (events) => events.up(),
  down: (events, [reason]) => events.down(new TwinwireError("ERR_BROKER", { step: "receive", reason: String(reason) })),
  message: (events, [topic, message]) => events.message(String(topic), message as never),
  joined: (events, [topic, member]) => events.joined(String(topic), member as never),
  left: (events, [topic, member]) => events.left(String(topic), member as never),
  invalid: (events, [reason]) => events.invalid(invalid("the port", String(reason))),
};

/** Has a driver do what a `PortDriver` at the other end of a port asks for. */
export function servePort(driver: HubDriver, port: HubPort): void {
  const subscribed = new Set<string>();
  let sent = 0;
  let seen = 0;
  let isCut = false;
  const send = (reply: Reply): void => port.postMessage(reply);
  const emit = (event: keyof DriverEvents, ...args: readonly unknown[]): void => {
    if (isCut) return;
    sent++;
    send({ event, args });
    if (sent - seen < MOST_AHEAD) return;
    isCut = true;
    for (const topic of subscribed) driver.unsubscribe(topic).catch(() => {});
    subscribed.clear();
  };
  const events: DriverEvents = {
    up: () => emit("up"),
    down: ({ message }) => emit("down", message),
    message: (topic, message) => emit("message", topic, message),
    joined: (topic, member) => emit("joined", topic, member),
    left: (topic, member) => emit("left", topic, member),
    invalid: ({ message }) => emit("invalid", message),
  };
  const answer = async (call: number, name: Call, args: readonly unknown[]): Promise<void> => {
    const topic = String(args[0]);
    if (name === "subscribe") subscribed.add(topic);
    if (name === "unsubscribe") subscribed.delete(topic);
    try {
      const run: (...given: never[]) => Promise<unknown> = driver[name];
      send({ answer: call, value: await run.apply(driver, args as never[]) });
    } catch (error) {
      send({ answer: call, problem: brokerError(error).message });
    }
    if (name === "close") port.close();
  };
  port.addEventListener("message", (event) => {
    const request = dataOf(event) as Request;
    if ("open" in request) driver.open(request.open, events, request.limits);
    else if ("call" in request) {
      if (CALLS.includes(request.name)) answer(request.call, request.name, request.args);
    } else {
      seen = request.seen;
      if (!isCut || seen < sent) return;
      isCut = false;
      /* It subscribes again, and reads what it was not sent. */
      emit("up");
    }
  });
  port.addEventListener("close", () => driver.close().catch(() => {}));
  port.start();
  port.unref?.();
}
