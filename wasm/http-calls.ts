import { Errors, type HttpBody, type HttpRead, type HttpSend } from "./abi.gen.ts";
import type { Payload } from "./calls.ts";
import { SocketCalls } from "./socket-calls.ts";

const TOO_LARGE = Errors.ERR_TOO_LARGE.value;
const HEADER = Errors.ERR_HEADER.value;

/** The calls that take a stream's bytes as HTTP, and send it. See `Engine`. */
export abstract class HttpCalls extends SocketCalls {
  /**
   * Takes what comes next on a stream as one HTTP message with a body of at most `maxBody` bytes. The endpoint receives
   * `httpHead`, `httpBody`, `httpTrailer` and, at last, `httpEnd`. What has come already is for `unread`.
   */
  httpRead(handle: number, flags: HttpRead | number, maxBody: number): number {
    return this.core.exports.twc_http_read(this.core.self, handle, flags, maxBody);
  }

  /**
   * Queues a message's head and body, whole or not at all. `head` has texts that are each ended by NUL: the reason of a
   * response, or method and target of a request (`status` 0); then `fieldCount` pairs of name and value. Each of its
   * characters is a byte.
   */
  httpSend(
    handle: number,
    flags: HttpSend | number,
    status: number,
    head: string,
    fieldCount: number,
    body: Payload,
  ): number {
    const { exports, self, stage } = this.core;
    const headSize = this.stageLatin1(head, 0);
    if (headSize < 0) return HEADER;
    const size = this.stage(body, headSize);
    if (size < 0) return TOO_LARGE;
    this.pump.queueSettle();
    return exports.twc_http_send(self, handle, flags, status, stage, headSize, fieldCount, stage + headSize, size);
  }

  /** Queues the next part of a body that `httpSend` began. `trailers`: `trailerCount` pairs, as in `httpSend`. */
  httpSendBody(handle: number, flags: HttpBody | number, data: Payload, trailers = "", trailerCount = 0): number {
    const { exports, self, stage } = this.core;
    const trailersSize = trailers === "" ? 0 : this.stageLatin1(trailers, 0);
    if (trailersSize < 0) return HEADER;
    const size = this.stage(data, trailersSize);
    if (size < 0) return TOO_LARGE;
    this.pump.queueSettle();
    const part = stage + trailersSize;
    return exports.twc_http_send_body(self, handle, flags, part, size, stage, trailersSize, trailerCount);
  }
}
