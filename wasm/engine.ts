import { Errors, SendFlag } from "./abi.gen.ts";
import type { Payload } from "./calls.ts";
import type { Endpoint } from "./endpoint.ts";
import { SocketCalls } from "./socket-calls.ts";

export type { Payload } from "./calls.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const ARGUMENT = Errors.ERR_ARGUMENT.value;

/**
 * The core and a port, ready for doors: the wall's calls with JavaScript's arguments. A call returns what the wall
 * returns, `>= 0` a count or a handle, `< 0` an error number, and never throws. Handles that come in here are those of
 * endpoints; that the application's numbers name one is for the door to see to, with `find`.
 */
export class Engine extends SocketCalls {
  wsOpen(endpoint: Endpoint, url: string): number {
    const { exports, self, stage } = this.core;
    endpoint.tls = /^wss:/i.test(url) ? (endpoint.tls ?? {}) : undefined;
    return this.open(endpoint, url, Errors.ERR_URL.value, (size) => exports.tw_ws_connect(self, stage, size));
  }

  wsHeader(handle: number, name: string, value: string): number {
    const { exports, self, stage } = this.core;
    const nameSize = this.stage(name);
    const valueSize = nameSize < 0 ? -1 : this.stage(value, nameSize);
    if (valueSize < 0) return Errors.ERR_MEMORY.value;
    return exports.tw_ws_header(self, handle, stage, nameSize, stage + nameSize, valueSize);
  }

  /** Adds an Authorization header by RFC 7617. */
  wsBasicAuth(handle: number, user: string, password: string): number {
    const { exports, self, stage } = this.core;
    const userSize = this.stage(user);
    const passwordSize = userSize < 0 ? -1 : this.stage(password, userSize);
    if (passwordSize < 0) return Errors.ERR_HEADER.value;
    return exports.tw_ws_basic_auth(self, handle, stage, userSize, stage + userSize, passwordSize);
  }

  /** Takes off what `wsHeader` and `wsBasicAuth` have added. */
  wsClearHeaders(handle: number): number {
    return this.core.exports.tw_ws_clear_headers(this.core.self, handle);
  }

  wsProtocol(handle: number, name: string): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(name);
    return size < 0 ? Errors.ERR_MEMORY.value : exports.tw_ws_protocol(self, handle, stage, size);
  }

  /** Queues a message whole or not at all; or, with `fragment` (`SendFlag.PART`, perhaps `MORE`), a part of one. */
  wsSend(handle: number, data: Payload, fragment = 0): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(data);
    if (size < 0) return TOO_LARGE;
    const flags = (typeof data === "string" ? SendFlag.TEXT : SendFlag.BINARY) | fragment;
    return this.sent(exports.tw_ws_send_message(self, handle, flags, stage, size));
  }

  wsPing(handle: number, data: Payload): number {
    const { exports, self, stage } = this.core;
    const size = this.stage(data);
    return size < 0 ? TOO_LARGE : this.sent(exports.tw_ws_send_ping(self, handle, stage, size));
  }

  /** Starts a WebSocket's close handshake; the number is stale from now on, and the endpoint hears of its end. */
  wsClose(endpoint: Endpoint, code: number, reason: string): number {
    const { exports, self, stage } = this.core;
    this.pump.touchClock();
    const size = this.stage(reason);
    if (size < 0) return ARGUMENT;
    return this.left(endpoint, exports.tw_ws_start_close(self, endpoint.handle, code, stage, size));
  }

  /** The subprotocol that the server chose, or an error number. */
  protocol(handle: number): string | number {
    const { exports, memory, self, stage } = this.core;
    const size = exports.tw_protocol(self, handle, stage, this.limits.stageBuffer);
    return size < 0 ? size : memory.utf8(stage, size);
  }
}
