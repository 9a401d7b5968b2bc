import { AddressOf, Deadline } from "../../wasm/abi.gen.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { streamOf } from "../conn/conn.ts";
import { type IncomingRequest, messageOf } from "../http/calls.ts";
import { exchangeOf } from "../http/exchange.ts";
import { FieldText } from "../http/head.ts";
import { show } from "../internal/arguments.ts";
import { Connection } from "../websocket/connection.ts";
import { Session } from "../websocket/session.ts";
import { type CheckedUpgrade, checkUpgrade, type UpgradeOptions } from "./options.ts";
import { ServerSocket } from "./socket.ts";

const OPENS = 101;

const MAX_BUFFERED = 16_777_216;

/**
 * Accepts a request as the opening handshake of a WebSocket (RFC 6455 4.2). The connection of the request is then a WebSocket,
 * and its `Conn` can no longer be used. Call it before anything was responded.
 *
 * ```ts
 * const request = await http.receive(conn);
 * if (request.path === "/chat") serveChat(upgrade(request, { protocols: ["chat"] }));
 * ```
 *
 * @throws TwinwireError ERR_WS_HANDSHAKE for a request that is not a valid handshake; its `status` is to be responded: 400,
 * 405 or 426; ERR_ARGUMENT for a bad option, or a subprotocol that was not offered; ERR_CALLBACK for
 * a `protocols` function that throws; ERR_HEADER;
 * ERR_LIMIT if `limits().webSockets` are open; ERR_STATE if the connection has ended or the request was answered. In all
 * these cases nothing was sent.
 */
export function upgrade(request: IncomingRequest, options: UpgradeOptions = {}): ServerSocket {
  return accept(request, checkUpgrade(options));
}

/** The subprotocols that a client offers, in order of preference. RFC 6455 11.3.4 */
export function offeredProtocols(request: IncomingRequest): readonly string[] {
  const { "sec-websocket-protocol": offered = "" } = request.headers;
  return offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** As `upgrade`, with options that have been checked. */
export function accept(request: IncomingRequest, options: CheckedUpgrade): ServerSocket {
  const stream = streamOf(request.conn);
  const { engine, handle } = stream;
  const message = messageOf(request);
  const head = message.headBytes;
  const status = engine.ws.judge(head);
  if (status !== OPENS) throw stream.fault("ERR_WS_HANDSHAKE", { step: "accept", detail: status, status });
  if (options.deflate !== undefined && engine.deflateHost === undefined) {
    const reason = "this runtime has no zlib: leave deflate out";
    throw new TwinwireError("ERR_UNSUPPORTED", { step: "accept", reason });
  }
  /* What the application decides comes first: it may close the connection, or respond, meanwhile. */
  const protocol = chooseProtocol(request, options);
  const fields = new FieldText().addAll(options.headers);
  if (stream.phase !== "open" || message.answered) {
    throw stream.fault("ERR_STATE", { step: "accept", reason: "the connection is over, or the request was answered" });
  }
  /* A client that has reset the connection by now has no address any more; its end is reported later. */
  const address = engine.address(handle, AddressOf.REMOTE);
  const remote = typeof address === "string" ? address : stream.address;
  const session = sessionFor(request, options, engine.limits.closeTimeoutMs);
  const connection = new Connection(engine, remote, session, {
    maxMessage: options.maxMessage ?? 0,
    compression: options.deflate,
    server: true,
  });
  const result = engine.ws.accept(connection, handle, head, {
    protocol,
    fields: fields.text,
    fieldCount: fields.count,
    deflate: options.deflate?.parameters ?? 0,
  });
  if (result < 0) throw stream.fault(errorCode(result), { step: "accept" });
  exchangeOf(stream).receiver.answered();
  const rest = stream.handOver("it is a WebSocket now");
  engine.setDeadline(handle, Deadline.READ | Deadline.WRITE, 0);
  engine.ws.setOptions(handle, 0, options.maxMessage ?? 0, options.maxFragments ?? 0);
  if (options.heartbeat !== undefined) {
    engine.ws.setHeartbeat(handle, options.heartbeat.intervalMs, options.heartbeat.timeoutMs);
  }
  const socket = new ServerSocket(session, request, remote);
  connection.limitReading();
  connection.connected();
  if (rest.length > 0) engine.unread(handle, rest);
  return socket;
}

function sessionFor(request: IncomingRequest, options: CheckedUpgrade, limit: number): Session {
  const scheme = request.conn.isTLS() ? "wss" : "ws";
  const { host, origin = "" } = request.headers;
  const url = `${scheme}://${host}${request.target.startsWith("/") ? request.target : "/"}`;
  return new Session(url, origin, {
    closeTimeoutMs: Math.min(options.closeTimeoutMs ?? limit, limit),
    maxBuffered: options.maxBuffered ?? MAX_BUFFERED,
    offlineBytes: 0,
  });
}

/** Returns one of the offers, or `""`. */
function chooseProtocol(request: IncomingRequest, { protocols }: CheckedUpgrade): string {
  if (protocols === undefined) return "";
  const offered = offeredProtocols(request);
  if (typeof protocols !== "function") return offered.find((name) => protocols.includes(name)) ?? "";
  const chosen: unknown = guarded("protocols", () => protocols(offered, request));
  if (chosen === undefined || chosen === null || chosen === false) return "";
  if (offered.includes(chosen as string)) return chosen as string;
  throw new TwinwireError("ERR_ARGUMENT", {
    step: "accept",
    operation: "upgrade",
    problem: `protocols chose ${show(chosen)}, which the client did not offer`,
    remedy: "return one of the offered names, or undefined for none",
  });
}

/** Calls a function of the application's. @throws TwinwireError ERR_CALLBACK, caused by what it throws. */
function guarded<T>(name: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw new TwinwireError("ERR_CALLBACK", { step: "accept", reason: name, cause });
  }
}
