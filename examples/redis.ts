/**
 * A Redis client in one file: RESP2 over a twinwire connection, with pipelining. Commands may be sent before the answers to
 * earlier ones have come; what the program sends in one loop iteration leaves in one write.
 */
import { type Conn, type ConnectOptions, TcpConnection } from "twinwire";

/** What Redis answers. Bulk strings are bytes: Redis knows no text. */
export type Reply = string | number | Uint8Array | null | RedisError | Reply[];

/** An argument of a command. */
export type Argument = string | number | Uint8Array;

/** An error that Redis answered with: `ERR unknown command`, `WRONGTYPE …`. */
export class RedisError extends Error {
  override readonly name = "RedisError";
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

export class Redis {
  readonly #conn: Conn;
  readonly #waiting: Waiting[] = [];
  /** What has been read and not yet parsed. */
  #buffer = Buffer.alloc(0);

  constructor(conn: Conn) {
    this.#conn = conn;
    this.#receive().catch((error: unknown) => this.#fail(error));
  }

  /** Connects to a host and a port. */
  static connect(host: string, port = 6379, options?: ConnectOptions): Redis {
    return new Redis(new TcpConnection(host, port, options));
  }

  /** Connects to a Unix socket. */
  static unix(path: string, options?: ConnectOptions): Redis {
    return new Redis(TcpConnection.unix(path, options));
  }

  /** Sends a command. An error that Redis answers rejects the promise. */
  command(...args: Argument[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.push(waiting);
      this.#conn.writeAll(encode(args)).catch((error: unknown) => this.#fail(error));
    });
  }

  /** The value of a key as text, or `null`. */
  async get(key: string): Promise<string | null> {
    const value = await this.command("GET", key);
    return value instanceof Uint8Array ? new TextDecoder().decode(value) : null;
  }

  /** Sets a key. */
  async set(key: string, value: Argument): Promise<void> {
    await this.command("SET", key, value);
  }

  /** Closes the connection; commands without an answer are rejected. */
  close(): void {
    this.#conn.close();
  }

  async #receive(): Promise<void> {
    for (;;) {
      const reply = await this.#reply();
      const waiting = this.#waiting.shift();
      if (reply instanceof RedisError) waiting?.reject(reply);
      else waiting?.resolve(reply);
    }
  }

  async #reply(): Promise<Reply> {
    const line = await this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case "-":
        return new RedisError(rest);
      case ":":
        return Number(rest);
      case "$": {
        const size = Number(rest);
        return size < 0 ? null : (await this.#bytes(size + 2)).subarray(0, size); // CR LF follows
      }
      case "*": {
        const size = Number(rest);
        if (size < 0) return null;
        const items: Reply[] = [];
        while (items.length < size) items.push(await this.#reply());
        return items;
      }
      default:
        throw new Error(`this is not RESP2: ${JSON.stringify(line)}`);
    }
  }

  /** The next line, without its CR LF. */
  async #line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#buffer.indexOf("\r\n", from);
      if (end >= 0) {
        const line = this.#buffer.toString("utf8", 0, end);
        this.#buffer = this.#buffer.subarray(end + 2);
        return line;
      }
      from = Math.max(0, this.#buffer.length - 1); // a CR may be the last byte
      const chunk = await this.#conn.read();
      if (chunk.length === 0) throw new Error("Redis closed the connection");
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
    }
  }

  /** Exactly so many bytes: what has been read already, and the rest from the connection. */
  async #bytes(size: number): Promise<Uint8Array> {
    const here = this.#buffer.subarray(0, size);
    this.#buffer = this.#buffer.subarray(here.length);
    if (here.length === size) return here;
    return Buffer.concat([here, await this.#conn.readExact(size - here.length)]);
  }

  #fail(error: unknown): void {
    this.#conn.close();
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

/** A command as RESP has it: an array of bulk strings. */
function encode(args: readonly Argument[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const argument of args) {
    const bytes = argument instanceof Uint8Array ? argument : Buffer.from(String(argument));
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}
