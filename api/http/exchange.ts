import { TwinwireError } from "../../wasm/errors.ts";
import { Conn, streamOf } from "../conn/conn.ts";
import type { Stream } from "../conn/stream.ts";
import { show } from "../internal/arguments.ts";
import { Receiver } from "./receiver.ts";
import { Sender } from "./sender.ts";
import type { HttpConn } from "./types.ts";

/** A stream that speaks HTTP: both directions of it. */
export class Exchange {
  readonly stream: Stream;
  readonly receiver: Receiver;
  readonly sender: Sender;
  /** Whether the last message is being sent, or has been. */
  ending = false;

  constructor(stream: Stream) {
    this.stream = stream;
    this.receiver = new Receiver(stream, this);
    this.sender = new Sender(stream);
    this.receiver.onEnded = (error) => this.sender.stop(error);
    stream.http = this.receiver;
  }
}

/** That of a stream; the first call has it speak HTTP. */
export function exchangeOf(stream: Stream): Exchange {
  const { http } = stream;
  return http instanceof Receiver ? (http.exchange as Exchange) : new Exchange(stream);
}

/**
 * The connection of an argument.
 *
 * @throws TwinwireError ERR_ARGUMENT for what is none.
 */
export function connOf(conn: HttpConn): Conn {
  if (conn instanceof Conn) return conn;
  if (typeof conn === "object" && conn !== null && conn.conn instanceof Conn) return conn.conn;
  throw new TwinwireError("ERR_ARGUMENT", { reason: `a connection or a TcpStream, not ${show(conn)}` });
}

/** The HTTP side of an argument that is a connection. */
export function exchangeOn(conn: HttpConn): Exchange {
  return exchangeOf(streamOf(connOf(conn)));
}
