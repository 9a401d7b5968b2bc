import type { Payload } from "../../wasm/engine.ts";
import { Waiter } from "./waiting.ts";

/** One datagram. */
export interface Datagram {
  /** Its bytes, yours to keep; a `Buffer` where the runtime has one. */
  readonly data: Uint8Array;
  /** Whom it came from, as `"ip:port"` or `"[ipv6]:port"`. */
  readonly address: string;
  /** The sender's literal address, without brackets. */
  readonly host: string;
  /** The sender's port. */
  readonly port: number;
}

/** A call that waits for a datagram. */
export class Receiver extends Waiter<Datagram> {
  readonly max: number;

  constructor(max: number) {
    super();
    this.max = max;
  }
}

/** A datagram that waits for room. */
export class Sender extends Waiter<number> {
  readonly data: Payload;
  readonly host: string;
  readonly port: number;

  constructor(data: Payload, host: string, port: number) {
    super();
    this.data = data;
    this.host = host;
    this.port = port;
  }
}

/** A datagram of at most `max` bytes: what does not fit is lost, as with every datagram socket. */
export function cut(datagram: Datagram, max: number): Datagram {
  return datagram.data.length <= max ? datagram : { ...datagram, data: datagram.data.subarray(0, max) };
}
