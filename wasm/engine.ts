import type { Port } from "../adapters/port.ts";
import { type AddressOf, Errors, type Limits, MAX_ADDRESS, SendFlag, State } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import type { Endpoint } from "./endpoint.ts";
import { completeLimits } from "./limits.ts";
import type { Memory } from "./memory.ts";
import { Pump } from "./pump.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const ARGUMENT = Errors.ERR_ARGUMENT.value;

/** What is sent: text goes out as UTF-8. */
export type Payload = string | Uint8Array;

/**
 * The core and a port, ready for doors: the wall's calls with JavaScript's arguments. A call returns what the wall
 * returns, `>= 0` a count or a handle, `< 0` an error number, and never throws. Handles that come in here are those of
 * endpoints; that the application's numbers name one is for the door to see to, with `find`.
 */
export class Engine {
  readonly limits: Limits;
  readonly memory: Memory;
  readonly #pump: Pump;
  readonly #core: Core;

  /** @throws TwinwireError for limits out of their range, or more memory than there is. */
  constructor(port: Port, limits?: Partial<Limits>) {
    this.limits = completeLimits(limits);
    this.#pump = new Pump(port, this.limits);
    this.#core = this.#pump.core;
    this.memory = this.#core.memory;
  }

  /** The endpoint that the application owns by this number. */
  find(handle: number): Endpoint | undefined {
    if (typeof handle !== "number") return undefined;
    const endpoint = this.#pump.endpoints.find(handle);
    return endpoint === undefined || endpoint.released ? undefined : endpoint;
  }

  /** Every endpoint that the application owns. */
  all(): Endpoint[] {
    return this.#pump.endpoints.all().filter((endpoint) => !endpoint.released);
  }

  /** What the runtime reported, if it is why the last `tcpConnect`, `udpOpen`, `wsOpen` or `udpSendTo` failed. */
  get cause(): unknown {
    return this.#pump.refusal;
  }

  tcpConnect(endpoint: Endpoint, host: string, port: number): number {
    const { exports, self, stage } = this.#core;
    this.#pump.touchClock();
    this.#pump.refusal = undefined;
    const size = this.#stage(host);
    return size < 0 ? ARGUMENT : this.#opened(endpoint, exports.tw_tcp_connect(self, stage, size, port));
  }

  udpOpen(endpoint: Endpoint, port: number): number {
    this.#pump.refusal = undefined;
    return this.#opened(endpoint, this.#core.exports.tw_udp_open(this.#core.self, port));
  }

  wsOpen(endpoint: Endpoint, url: string): number {
    const { exports, self, stage } = this.#core;
    this.#pump.touchClock();
    this.#pump.refusal = undefined;
    const size = this.#stage(url);
    return size < 0 ? Errors.ERR_URL.value : this.#opened(endpoint, exports.tw_ws_open(self, stage, size));
  }

  wsHeader(handle: number, name: string, value: string): number {
    const { exports, self, stage } = this.#core;
    const nameSize = this.#stage(name);
    const valueSize = nameSize < 0 ? -1 : this.#stage(value, nameSize);
    if (valueSize < 0) return Errors.ERR_MEMORY.value;
    return exports.tw_ws_header(self, handle, stage, nameSize, stage + nameSize, valueSize);
  }

  wsProtocol(handle: number, name: string): number {
    const { exports, self, stage } = this.#core;
    const size = this.#stage(name);
    return size < 0 ? Errors.ERR_MEMORY.value : exports.tw_ws_protocol(self, handle, stage, size);
  }

  /** Queues bytes on a TCP connection, whole or not at all. */
  send(handle: number, data: Payload): number {
    const { exports, self, stage } = this.#core;
    const size = this.#stage(data);
    return size < 0 ? TOO_LARGE : this.#sent(exports.tw_send(self, handle, stage, size));
  }

  udpSendTo(handle: number, address: string, port: number, data: Payload): number {
    const { exports, self, stage } = this.#core;
    this.#pump.refusal = undefined;
    const addressSize = this.#stage(address);
    if (addressSize < 0) return Errors.ERR_ADDRESS.value;
    const size = this.#stage(data, addressSize);
    if (size < 0) return TOO_LARGE;
    return this.#sent(exports.tw_udp_send_to(self, handle, stage, addressSize, port, stage + addressSize, size));
  }

  /** Queues a message, or with `more` a fragment of one, whole or not at all. */
  wsSend(handle: number, data: Payload, more: boolean): number {
    const { exports, self, stage } = this.#core;
    const size = this.#stage(data);
    if (size < 0) return TOO_LARGE;
    const flags = (typeof data === "string" ? SendFlag.TEXT : SendFlag.BINARY) | (more ? SendFlag.MORE : 0);
    return this.#sent(exports.tw_ws_send(self, handle, flags, stage, size));
  }

  wsPing(handle: number, data: Payload): number {
    const { exports, self, stage } = this.#core;
    const size = this.#stage(data);
    return size < 0 ? TOO_LARGE : this.#sent(exports.tw_ws_ping(self, handle, stage, size));
  }

  /** Starts a WebSocket's close handshake; the number is stale from now on, and the endpoint hears of its end. */
  wsClose(endpoint: Endpoint, code: number, reason: string): number {
    const { exports, self, stage } = this.#core;
    this.#pump.touchClock();
    const size = this.#stage(reason);
    if (size < 0) return ARGUMENT;
    return this.#left(endpoint, exports.tw_ws_close(self, endpoint.handle, code, stage, size));
  }

  /** Closes any handle; the number is stale from now on. */
  close(endpoint: Endpoint): number {
    this.#pump.touchClock();
    return this.#left(endpoint, this.#core.exports.tw_close(this.#core.self, endpoint.handle));
  }

  /** The `State` of a handle. */
  state(handle: number): State {
    const state = this.#core.exports.tw_state(this.#core.self, handle);
    return state < 0 ? State.FREE : (state as State);
  }

  buffered(handle: number): number {
    return this.#core.exports.tw_buffered(this.#core.self, handle);
  }

  setReceiving(handle: number, on: boolean): number {
    return this.#core.exports.tw_set_receiving(this.#core.self, handle, on ? 1 : 0);
  }

  setAutoReconnect(handle: number, on: boolean): number {
    const result = this.#core.exports.tw_set_auto_reconnect(this.#core.self, handle, on ? 1 : 0);
    this.#pump.queueSettle();
    return result;
  }

  /** `delaysMs`: 1 to `MAX_DELAYS` of them. */
  setReconnectDelays(handle: number, delaysMs: readonly number[]): number {
    const { exports, memory, self, stage } = this.#core;
    const place = (stage + 3) & ~3;
    memory.writeU32(place, delaysMs);
    return exports.tw_set_reconnect_delays(self, handle, place, delaysMs.length);
  }

  bindEvent(handle: number, event: string, signature: number): number {
    const { exports, self, stage } = this.#core;
    const size = this.#stage(event);
    return size < 0 ? Errors.ERR_EVENT.value : exports.tw_bind_event(self, handle, stage, size, signature);
  }

  /** The number that stands for an event's declaration. */
  signature(declaration: string): number {
    const size = this.#stage(declaration);
    return size < 0 ? 0 : this.#core.exports.tw_signature(this.#core.stage, size) >>> 0;
  }

  /** One end's address, or an error number. */
  address(handle: number, which: AddressOf): string | number {
    const { exports, memory, self, stage } = this.#core;
    const size = exports.tw_address(self, handle, which, stage, MAX_ADDRESS);
    return size < 0 ? size : memory.utf8(stage, size);
  }

  /** The subprotocol that the server chose, or an error number. */
  protocol(handle: number): string | number {
    const { exports, memory, self, stage } = this.#core;
    const size = exports.tw_protocol(self, handle, stage, this.limits.stageBuffer);
    return size < 0 ? size : memory.utf8(stage, size);
  }

  /** Whether the endpoint keeps the process alive. */
  keep(endpoint: Endpoint, on: boolean): void {
    this.#pump.endpoints.keep(endpoint, on);
  }

  /** Puts an argument into the stage buffer, `offset` bytes from its start. Returns its bytes, or -1 if it is too long. */
  #stage(data: Payload, offset = 0): number {
    const { memory, stage } = this.#core;
    const room = this.limits.stageBuffer - offset;
    if (typeof data === "string") return memory.writeText(stage + offset, room, data);
    return memory.writeBytes(stage + offset, room, data);
  }

  #opened(endpoint: Endpoint, result: number): number {
    if (result < 0) return result;
    this.#pump.endpoints.add(endpoint, result);
    this.#pump.queueSettle();
    return result;
  }

  #sent(result: number): number {
    if (result >= 0) this.#pump.queueSettle();
    return result;
  }

  #left(endpoint: Endpoint, result: number): number {
    if (result < 0) return result;
    this.#pump.endpoints.leave(endpoint);
    this.#pump.queueSettle();
    this.#pump.queueLater();
    return result;
  }
}
