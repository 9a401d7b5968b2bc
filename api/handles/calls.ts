/** What `net`, `ws` and `runtime` have in common: the calls on handles of every kind, and the error of the last one. */
import { type AddressOf, type ErrorCode, MAX_DELAYS, SocketKind, State } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { type ErrorFacts, type ErrorStep, errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine, openedEngine } from "../../wasm/host.ts";
import type { Stats } from "../../wasm/memory.ts";
import type { SocketOptions, TlsOptions } from "../../wasm/port-types.ts";
import type { AddressLimits } from "../conn/options.ts";
import { isInt32, show } from "../internal/arguments.ts";
import { type EventSource, HandleEndpoint } from "./endpoints.ts";
import { type AnyListener, type Channel, type EventType, Form, isEventType } from "./listeners.ts";

/* A send that is refused again and again must stay cheap: the error object is made when it is asked for. */
let last: { code: ErrorCode; facts: ErrorFacts } | undefined;
let made: TwinwireError | undefined;

/** Records why a call fails, and returns what the call returns. `error`: a code, or its number. */
export function refuse(error: ErrorCode | number, facts: ErrorFacts): -1 {
  last = { code: typeof error === "number" ? errorCode(error) : error, facts };
  made = undefined;
  return -1;
}

/** As `refuse`, for an error that was made already. */
export function refuseWith(error: TwinwireError): -1 {
  last = undefined;
  made = error;
  return -1;
}

/**
 * Returns why the last call that returned -1 failed; `undefined` if none has. A call that succeeds does not change it.
 *
 * ```ts
 * if (net.send(sock, "ping") < 0) console.error(lastError()?.message);
 * ```
 */
export function lastError(): TwinwireError | undefined {
  if (last !== undefined) made ??= new TwinwireError(last.code, last.facts);
  return made;
}

/** The result of a function that returns nothing else: 0, or -1 if it failed; `lastError()` says why. */
export type Done = 0 | -1;

/** The state of a handle, in the words of the specification. */
export type HandleState = "connecting" | "open" | "closed";

/** The form in which a plain function receives data; at most one of the two. */
export interface ListenerOptions {
  /** Always as bytes. */
  binary?: boolean;
  /** Always as text: bytes are decoded as UTF-8, with U+FFFD for what is not valid. */
  text?: boolean;
}

/** The events that carry data. */
const withData: readonly string[] = ["data", "datagram", "message"];

const MAX_DELAY_S = 86_400;

type Found = Endpoint | undefined;

/** Runs a call of the engine on a handle that was found, and converts its result. */
export function call(
  found: Found,
  handle: unknown,
  step: ErrorStep,
  run: (engine: Engine, handle: number) => number,
): Done {
  const engine = openedEngine();
  if (found === undefined || engine === undefined) return stale(handle);
  const result = run(engine, found.handle);
  return result < 0 ? refuse(result, { step, address: found.address }) : 0;
}

/** The result for a number that names no handle. */
export function stale(handle: unknown): -1 {
  return refuse("ERR_HANDLE", { reason: `handle ${show(handle)}` });
}

export function close(found: Found, handle: unknown): Done {
  return call(found, handle, "close", (engine) =>
    found instanceof HandleEndpoint ? found.close() : engine.close(found as Endpoint),
  );
}

export function setAutoReconnect(found: Found, handle: unknown, on: unknown): Done {
  return call(found, handle, "call", (engine, it) => engine.setAutoReconnect(it, Boolean(on)));
}

export function setReconnectDelays(found: Found, handle: unknown, seconds: unknown): Done {
  const delays: unknown[] = Array.isArray(seconds) && seconds.length <= MAX_DELAYS ? Array.from(seconds) : [];
  if (delays.length === 0 || !delays.every(isDelay)) {
    const reason = `delays are an array of 1 to ${MAX_DELAYS} numbers of seconds from 0 to ${MAX_DELAY_S}, not ${show(seconds)}`;
    return refuse("ERR_ARGUMENT", { address: found?.address, reason });
  }
  const delaysMs = delays.map((it) => Math.round(it * 1000));
  return call(found, handle, "call", (engine, it) => engine.setReconnectDelays(it, delaysMs));
}

function isDelay(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAX_DELAY_S;
}

export function setReceiving(found: Found, handle: unknown, on: boolean): Done {
  return call(found, handle, "call", (engine, it) => engine.setReceiving(it, on));
}

export function keep(found: Found, handle: unknown, on: boolean): Done {
  return call(found, handle, "call", (engine) => {
    engine.keep(found as Endpoint, on);
    return 0;
  });
}

export function bufferedAmount(found: Found, handle: unknown): number {
  const engine = openedEngine();
  if (found === undefined || engine === undefined) return stale(handle);
  return engine.buffered(found.handle);
}

export function stats(found: Found, handle: unknown): Stats | undefined {
  const engine = openedEngine();
  if (found !== undefined && engine !== undefined) return engine.stats(found.handle);
  stale(handle);
  return undefined;
}

export function state(found: Found): HandleState {
  const now = found === undefined ? State.FREE : openedEngine()?.state(found.handle);
  if (now === State.OPEN) return "open";
  return now === State.CONNECTING || now === State.WAITING ? "connecting" : "closed";
}

/** An address, or `""` where there is none. */
export function address(found: Found, handle: unknown, which: AddressOf): string {
  const engine = openedEngine();
  if (found === undefined || engine === undefined) {
    stale(handle);
    return "";
  }
  return textOr(engine.address(found.handle, which), found);
}

/** A text, or `""` for an error number. */
export function textOr(result: string | number, { address }: Endpoint): string {
  if (typeof result === "string") return result;
  refuse(result, { address });
  return "";
}

/** Binds a declared type or a plain function to an event. */
export function listen(
  found: Found | EventSource,
  handle: unknown,
  event: unknown,
  target: unknown,
  options: unknown,
): Done {
  if (found === undefined) return stale(handle);
  const source = sourceOf(found);
  const channel = channelOf(source, found.address, event);
  if (channel === -1 || source === undefined) return -1;
  if (isEventType(target)) return bind(source, channel, String(event), target);
  const { address } = found;
  if (typeof target !== "function") {
    const reason = `"${event}" is bound to what defineEvent returned or to a function, not to ${show(target)}`;
    return refuse("ERR_ARGUMENT", { address, reason });
  }
  const form = formOf(String(event), (options ?? {}) as ListenerOptions);
  if (form === undefined)
    return refuse("ERR_ARGUMENT", { address, reason: "data comes binary or as text, not as both" });
  channel.add(form, target as AnyListener);
  return 0;
}

/** Removes what `listen` added. */
export function unlisten(found: Found | EventSource, handle: unknown, event: unknown, target: unknown): Done {
  if (found === undefined) return stale(handle);
  const channel = channelOf(sourceOf(found), found.address, event);
  if (channel === -1) return channel;
  if (channel.remove(target)) return 0;
  return refuse("ERR_ARGUMENT", { address: found.address, reason: `this listener was not added to "${event}"` });
}

/** A handle of another API has no listeners here. */
function sourceOf(found: Endpoint | EventSource): EventSource | undefined {
  return found instanceof Endpoint && !(found instanceof HandleEndpoint) ? undefined : (found as EventSource);
}

function channelOf(source: EventSource | undefined, address: string, event: unknown): Channel | -1 {
  if (source === undefined) {
    return refuse("ERR_EVENT", { address, reason: "its events belong to the object that opened it" });
  }
  const channel = typeof event === "string" ? source.channel(event) : undefined;
  return channel ?? refuse("ERR_EVENT", { address, reason: `event ${show(event)}` });
}

function bind(source: EventSource, channel: Channel, event: string, type: EventType<never>): Done {
  const result = source.bind(event, type);
  if (result < 0) {
    return refuse(result, { address: source.address, reason: `event "${event}", declared as ${type.declaration}` });
  }
  channel.add(Form.TYPED, type);
  return 0;
}

function formOf(event: string, { binary, text }: ListenerOptions): Form | undefined {
  if (binary && text) return undefined;
  if (!withData.includes(event)) return Form.PLAIN;
  return binary ? Form.BYTES : text ? Form.TEXT : Form.PLAIN;
}

/** Where a listener listens. */
export interface ListenPlace {
  readonly kind: SocketKind;
  readonly name: string;
  readonly port: number;
  /** The same for error messages. */
  readonly address: string;
}

/** Checks a host and a port, and runs `listen`, which throws for bad options. Returns its result, or -1. */
export function listenAt(host: unknown, port: unknown, listen: (place: ListenPlace) => number): number {
  if (typeof host !== "string") return refuse("ERR_ARGUMENT", { step: "open", reason: `host ${show(host)}` });
  if (typeof port !== "number") return refuse("ERR_ARGUMENT", { step: "open", reason: `port ${show(port)}` });
  const address = hostAndPort(host, port);
  if (!isInt32(port)) return refuse("ERR_PORT", { step: "open", address });
  return caught(() => listen({ kind: SocketKind.TCP_LISTENER, name: host, port, address }));
}

/** As `listenAt`, for the path of a Unix socket. */
export function listenAtPath(path: unknown, listen: (place: ListenPlace) => number): number {
  if (typeof path !== "string") return refuse("ERR_ARGUMENT", { step: "open", reason: `path ${show(path)}` });
  return caught(() => listen({ kind: SocketKind.UNIX_LISTENER, name: path, port: 0, address: path }));
}

/** Runs a call whose options may be refused by a `TwinwireError`. */
export function caught(run: () => number): number {
  try {
    return run();
  } catch (error) {
    if (error instanceof TwinwireError) return refuseWith(error);
    throw error;
  }
}

/** Opens a listener. Returns its handle, or -1. */
export function openListener(
  make: (engine: Engine) => Endpoint,
  { kind, name, port, address }: ListenPlace,
  sockets: SocketOptions,
  { tls, perAddress }: { readonly tls?: TlsOptions | undefined; readonly perAddress?: AddressLimits | undefined },
): number {
  const engine = defaultEngine();
  const endpoint = make(engine);
  endpoint.options = sockets;
  if (tls !== undefined) engine.setTls(endpoint, tls);
  const { listeners } = engine;
  const handle = listeners.listen(endpoint, kind, name, port);
  if (handle < 0) return refuse(handle, { step: "open", address, cause: engine.cause });
  if (perAddress === undefined) return handle;
  const { connections = 0, handshakesPerSecond = 0, messagesPerSecond = 0 } = perAddress;
  const result = listeners.limitAddresses(handle, connections, handshakesPerSecond, messagesPerSecond);
  if (result >= 0) return handle;
  engine.close(endpoint);
  return refuse(result, {
    step: "open",
    address,
    reason: "limits().addresses is 0, so there is no room for perAddress",
  });
}

/** A host and a port as text; an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
