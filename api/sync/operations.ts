/** What calls have done: by the connection API, whose promises the engine's thread waits for. */
import { TwinwireError } from "../../wasm/errors.ts";
import { limits } from "../../wasm/host.ts";
import { Conn, streamOf } from "../conn/conn.ts";
import type { ConnectOptions, TlsServerOptions, WaitOptions } from "../conn/options.ts";
import { connectionsOf, Server, TcpServer, TlsServer } from "../conn/server.ts";
import { resolve, TcpConnection, TlsConnection } from "../conn/tcp.ts";
import { UdpSocket } from "../conn/udp.ts";
import { readRequest, writeResponse } from "../http/calls.ts";
import { request } from "../http/request.ts";
import type { HttpRequest, HttpServerResponse } from "../http/types.ts";
import { show } from "../internal/arguments.ts";
import { MAX_MS } from "../internal/options.ts";
import { Op, type Opened, type Opening, packError, unpack } from "./protocol.ts";
import type { Message } from "./shared.ts";

type Resource = Conn | Server<Conn> | UdpSocket;

/** The result of an operation. */
export interface Outcome {
  readonly number?: number | undefined;
  readonly value?: unknown;
  readonly data?: Uint8Array | undefined;
}

/** A connection for a handler, or the error that ended its listener. */
export interface Accepted {
  readonly listener: number;
  readonly opening?: Opening;
  readonly error?: string;
}

/** The thread that called. */
export interface HandlerThread {
  /** Has a handler of the thread called. Fulfilled when it has taken the connection. */
  offer(accepted: Accepted): Promise<void>;
}

/** A call, as the operations see it. */
interface Call extends Message {
  readonly args: readonly unknown[];
  readonly client: HandlerThread;
}

/** The objects that the threads have opened, by their handles. */
export class Resources {
  readonly #objects = new Map<number, Resource>();
  /** Connections that were closed and have not ended. */
  readonly #closing = new Set<Promise<void>>();
  /** Called when the program has ended. */
  readonly #ended: () => void;
  #handles = 0;

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  /** Does what a message asks for. */
  async perform(message: Message, client: HandlerThread): Promise<Outcome> {
    const args = message.text === "" ? [] : (unpack(JSON.parse(message.text)) as readonly unknown[]);
    const call: Call = { ...message, args: args.map((it) => it ?? undefined), client };
    return this.#perform(call);
  }

  #perform(call: Call): Outcome | Promise<Outcome> {
    const { args, number, data } = call;
    switch (call.op as Op) {
      case Op.READ:
        return this.#conn(call).read(number).then(toData);
      case Op.WRITE_ALL:
        return this.#conn(call).writeAll(data).then(toNothing);
      case Op.WRITE:
        return this.#conn(call).write(data).then(toNumber);
      case Op.READ_EXACT:
        return this.#conn(call).readExact(number).then(toData);
      case Op.READ_UNTIL:
        return this.#conn(call)
          .readUntil(data, args[0] as object)
          .then(toData);
      case Op.READ_LINE:
        return this.#conn(call)
          .readLine(args[0] as object)
          .then(toValue);
      case Op.CLOSE_WRITE:
        return this.#conn(call).closeWrite().then(toNothing);
      case Op.UPGRADE:
        return timed("upgradeToTLS", args[1], (options) =>
          this.#conn(call).upgradeToTLS(args[0] as string, options),
        ).then(toNothing);
      case Op.GET:
        return this.#get(call);
      case Op.OPEN:
        return this.#open(args[0] as Opened, args.slice(1));
      case Op.CLOSE:
        this.#close(call.handle);
        return {};
      case Op.ACCEPT:
        return timed("accept", args[0], (options) => this.#server(call).accept(options)).then((conn) => ({
          number: this.#add(conn),
        }));
      case Op.ACCEPT_EACH:
        void this.#acceptEach(call);
        return {};
      case Op.SEND_TO:
        return this.#udp(call)
          .sendTo(data, args[0] as string, args[1] as number)
          .then(toNumber);
      case Op.SEND:
        return this.#udp(call).send(data).then(toNumber);
      case Op.RECV_FROM:
        return timed("recvFrom", args[1], (options) =>
          this.#udp(call).recvFrom(args[0] as number | undefined, options),
        ).then(({ data, ...value }) => ({ data, value }));
      case Op.UDP_CONNECT:
        return timed("connect", args[2], (options) =>
          this.#udp(call).connect(args[0] as string, args[1] as number, options),
        ).then(toNothing);
      case Op.RESOLVE:
        return timed("resolve", args[1], (options) => resolve(args[0] as string, options as { all: true })).then(
          toValue,
        );
      case Op.HTTP_REQUEST:
        return request(withBody<HttpRequest>(args[0]), args[1] as object).then(toValue);
      case Op.READ_REQUEST:
        return readRequest(this.#conn(call), args[0] as object).then(toValue);
      case Op.WRITE_RESPONSE:
        return writeResponse(this.#conn(call), withBody<HttpServerResponse>(args[0])).then(toNothing);
      case Op.LIMITS:
        return { value: limits(args[0] as object | undefined) };
      case Op.LEAVE:
        return {};
      case Op.FINISH:
        return this.#finish();
      default:
        throw new TwinwireError("ERR_UNSUPPORTED", { reason: `operation ${call.op}` });
    }
  }

  async #open(kind: Opened, [where, second, options]: readonly unknown[]): Promise<Outcome> {
    const host = where as string;
    const port = second as number;
    const path = second === "unix";
    if (kind === "TcpConnection" || kind === "TlsConnection") {
      const Class = kind === "TcpConnection" ? TcpConnection : TlsConnection;
      const operation = path ? `${kind}.unix` : kind;
      return timed(operation, options, async (given) => {
        const conn = path ? Class.unix(host, given) : new Class(host, port, given);
        await conn.opened;
        return { number: this.#add(conn) };
      });
    }
    if (kind === "UdpSocket") {
      const socket = new UdpSocket(host, port, options as object);
      await socket.opened;
      return { number: this.#add(socket) };
    }
    const Class = kind === "TcpServer" ? TcpServer : TlsServer;
    const given = options as TlsServerOptions;
    const server = path ? Class.unix(host, given) : new Class(host, port, given);
    await server.opened;
    return { number: this.#add(server) };
  }

  #get({ handle, args: [name, ...args] }: Call): Outcome {
    const object = this.#find(handle) as unknown as Record<string, unknown>;
    if (name === "setDeadline") {
      setDeadline(object as unknown as Conn, args[0] as number, args[1] as number);
      return {};
    }
    const found = object[name as string];
    return { value: typeof found === "function" ? found.apply(object, args) : found };
  }

  #close(handle: number): void {
    const object = this.#objects.get(handle);
    this.#objects.delete(handle);
    object?.close();
    if (!(object instanceof Conn)) return;
    const closed = object.closed.then(() => void this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  /** Passes connections to the handlers of a thread, each when the one before was taken. */
  async #acceptEach(call: Call): Promise<void> {
    const { handle, client } = call;
    try {
      const server = this.#server(call);
      for await (const conn of connectionsOf(server)) {
        const tls = server instanceof TlsServer;
        await client.offer({ listener: handle, opening: { handle: this.#add(conn), tls } });
      }
    } catch (error) {
      await client.offer({ listener: handle, error: packError(error) });
    }
  }

  /** Sends what was written, and ends all. */
  async #finish(): Promise<Outcome> {
    for (const [handle, object] of [...this.#objects]) {
      const queued = object instanceof Conn && isQueued(object);
      if (queued) this.#close(handle);
      else object.close();
    }
    this.#objects.clear();
    await Promise.all(this.#closing);
    this.#ended();
    return {};
  }

  #add(object: Resource): number {
    this.#handles += 1;
    this.#objects.set(this.#handles, object);
    return this.#handles;
  }

  #find(handle: number): Resource {
    const found = this.#objects.get(handle);
    if (found === undefined) throw new TwinwireError("ERR_STATE", { reason: "close was called" });
    return found;
  }

  #conn({ handle }: Call): Conn {
    const found = this.#find(handle);
    if (found instanceof Conn) return found;
    throw new TwinwireError("ERR_ARGUMENT", { reason: `${show(found)} is not a connection` });
  }

  #server({ handle }: Call): Server<Conn> {
    const found = this.#find(handle);
    if (found instanceof Server) return found;
    throw new TwinwireError("ERR_ARGUMENT", { reason: `${show(found)} is not a server` });
  }

  #udp({ handle }: Call): UdpSocket {
    const found = this.#find(handle);
    if (found instanceof UdpSocket) return found;
    throw new TwinwireError("ERR_ARGUMENT", { reason: `${show(found)} is not a UDP socket` });
  }
}

const toData = (data: Uint8Array): Outcome => ({ data });
const toNumber = (number: number): Outcome => ({ number });
const toNothing = (): Outcome => ({});
const toValue = (value: unknown): Outcome => ({ value });

/** A message of HTTP, whose body came as JSON. */
function withBody<T extends object>(given: unknown): T {
  if (typeof given !== "object" || given === null || !("json" in given)) return given as T;
  const { json, ...rest } = given;
  return { ...rest, body: JSON.parse(json as string) as unknown } as unknown as T;
}

/** Whether bytes that were written have not left. */
function isQueued(conn: Conn): boolean {
  const { engine, handle } = streamOf(conn);
  return handle >= 0 && engine.buffered(handle) > 0;
}

/** `which`: `Deadline` bits. */
function setDeadline(conn: Conn, which: number, ms: number): void {
  if (which === 3) conn.setDeadline(ms);
  else if (which === 1) conn.setReadDeadline(ms);
  else conn.setWriteDeadline(ms);
}

/** Calls `run` with options in which `timeoutMs` has become a signal. After it, the error is ERR_DEADLINE. */
async function timed<T>(
  operation: string,
  given: unknown,
  run: (options: (ConnectOptions & WaitOptions) | undefined) => T | Promise<T>,
): Promise<T> {
  if (typeof given !== "object" || given === null || !("timeoutMs" in given)) return run(given as undefined);
  const { timeoutMs, ...options } = given;
  if (timeoutMs === undefined || timeoutMs === null) return run(options);
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 1 && timeoutMs <= MAX_MS)) {
    const problem = `timeoutMs must be a number from 1 to ${MAX_MS}, not ${show(timeoutMs)}`;
    throw new TwinwireError("ERR_ARGUMENT", { operation, problem });
  }
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    return await run({ ...options, signal: controller.signal });
  } catch (error) {
    if (!(error instanceof TwinwireError) || error.code !== "ERR_ABORTED") throw error;
    const { step, address, detail } = error;
    throw new TwinwireError("ERR_DEADLINE", { step, address, detail, reason: `timeoutMs: ${timeoutMs}` });
  } finally {
    clearTimeout(timer);
  }
}
