/**
 * A PostgreSQL client: protocol 3.0 over a twinwire connection, TLS by SSLRequest and upgradeToTLS, login by
 * SCRAM-SHA-256, simple queries.
 */
import { type Conn, TcpConnection, type TlsOptions } from "twinwire";
import { Scram } from "./postgres-scram.ts";

/** Whom to connect to, and as whom. */
export interface PostgresOptions {
  readonly host: string;
  readonly port?: number;
  readonly user: string;
  readonly password: string;
  readonly database?: string;
  /** TLS, verified for `host`; `false` for none. */
  readonly tls?: TlsOptions | false;
}

/** What a query came to. Values are text, as the simple protocol has them. */
export interface Rows {
  readonly columns: string[];
  readonly rows: (string | null)[][];
  /** `"SELECT 2"`, `"INSERT 0 1"` */
  readonly tag: string;
}

/** An error that PostgreSQL reported. */
export class PostgresError extends Error {
  override readonly name = "PostgresError";
  /** SQLSTATE, five characters. */
  readonly code: string;

  constructor({ M: message = "unknown error", C: code = "" }: Partial<Record<string, string>>) {
    super(message);
    this.code = code;
  }
}

/** One message: its type and its content. */
interface Message {
  readonly type: string;
  readonly body: Buffer;
}

const SSL_REQUEST = 80_877_103;
const PROTOCOL_3_0 = 196_608;

export class Postgres {
  readonly #conn: Conn;
  /** One query after the other: each waits for the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(conn: Conn) {
    this.#conn = conn;
  }

  /** Connects and logs in. */
  static async connect(options: PostgresOptions): Promise<Postgres> {
    const { host, port = 5432, tls = {} } = options;
    const conn = new TcpConnection(host, port);
    try {
      if (tls !== false) await startTls(conn, host, tls);
      const postgres = new Postgres(conn);
      await postgres.#logIn(options);
      return postgres;
    } catch (error) {
      conn.close();
      throw error;
    }
  }

  /** The connection below. */
  get conn(): Conn {
    return this.#conn;
  }

  /** Runs one statement. */
  query(sql: string): Promise<Rows> {
    const result = this.#queue.then(() => this.#query(sql));
    this.#queue = result.catch(() => {});
    return result;
  }

  /** Says good-bye and closes the connection. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#send("X", Buffer.alloc(0)).catch(() => {});
    this.#conn.close();
    await this.#conn.closed;
  }

  async #query(sql: string): Promise<Rows> {
    await this.#send("Q", Buffer.from(`${sql}\0`));
    let columns: string[] = [];
    let tag = "";
    let failure: PostgresError | undefined;
    const rows: (string | null)[][] = [];
    for (;;) {
      const { type, body } = await this.#message();
      if (type === "T") columns = parseColumns(body);
      else if (type === "D") rows.push(parseRow(body));
      else if (type === "C") tag = body.toString("utf8", 0, body.length - 1);
      else if (type === "E") failure = parseError(body);
      else if (type === "Z") break; // ready for the next query
    }
    if (failure !== undefined) throw failure;
    return { columns, rows, tag };
  }

  async #logIn({ user, password, database = user }: PostgresOptions): Promise<void> {
    const names = `user\0${user}\0database\0${database}\0client_encoding\0UTF8\0\0`;
    await this.#conn.writeAll(withLength(Buffer.concat([int32(PROTOCOL_3_0), Buffer.from(names)])));
    const scram = new Scram(password);
    for (;;) {
      const { type, body } = await this.#message();
      if (type === "E") throw parseError(body);
      if (type === "Z") return;
      if (type === "R") await this.#authenticate(scram, body);
    }
  }

  async #authenticate(scram: Scram, body: Buffer): Promise<void> {
    const rest = body.subarray(4);
    switch (body.readInt32BE(0)) {
      case 0: // AuthenticationOk
        return;
      case 10: {
        // AuthenticationSASL: the mechanisms that the server knows
        if (!rest.toString().split("\0").includes("SCRAM-SHA-256"))
          throw new Error("the server knows no SCRAM-SHA-256");
        const first = Buffer.from(scram.first);
        return this.#send("p", Buffer.concat([Buffer.from("SCRAM-SHA-256\0"), int32(first.length), first]));
      }
      case 11: // AuthenticationSASLContinue
        return this.#send("p", Buffer.from(await scram.final(rest.toString())));
      case 12: // AuthenticationSASLFinal
        return scram.verify(rest.toString());
      default:
        throw new Error(`the server asks for authentication ${body.readInt32BE(0)}, which this client has not got`);
    }
  }

  #send(type: string, body: Buffer): Promise<void> {
    return this.#conn.writeAll(Buffer.concat([Buffer.from(type), withLength(body)]));
  }

  async #message(): Promise<Message> {
    const head = Buffer.from(await this.#conn.readExact(5));
    const body = Buffer.from(await this.#conn.readExact(head.readInt32BE(1) - 4));
    return { type: head.toString("latin1", 0, 1), body };
  }
}

/** Asks for TLS. Not a byte more may come in the clear: upgradeToTLS would refuse it. */
async function startTls(conn: Conn, host: string, tls: TlsOptions): Promise<void> {
  await conn.writeAll(withLength(int32(SSL_REQUEST)));
  const [answer] = await conn.readExact(1);
  if (answer !== 0x53 /* S */) throw new Error("the server speaks no TLS");
  await conn.upgradeToTLS(host, tls);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** A message's length counts itself, too. */
function withLength(body: Buffer): Buffer {
  return Buffer.concat([int32(body.length + 4), body]);
}

/** RowDescription: a name and 18 bytes for each column. */
function parseColumns(body: Buffer): string[] {
  const columns: string[] = [];
  for (let at = 2; at < body.length; ) {
    const end = body.indexOf(0, at);
    columns.push(body.toString("utf8", at, end));
    at = end + 19;
  }
  return columns;
}

/** DataRow: a length and as many bytes for each value; -1 is NULL. */
function parseRow(body: Buffer): (string | null)[] {
  const row: (string | null)[] = [];
  for (let at = 2; at < body.length; ) {
    const size = body.readInt32BE(at);
    at += 4;
    row.push(size < 0 ? null : body.toString("utf8", at, at + size));
    at += Math.max(size, 0);
  }
  return row;
}

/** ErrorResponse: texts, each preceded by a byte that identifies it. */
function parseError(body: Buffer): PostgresError {
  const fields = body.toString("utf8").split("\0").filter(Boolean);
  return new PostgresError(Object.fromEntries(fields.map((field) => [field.slice(0, 1), field.slice(1)])));
}
