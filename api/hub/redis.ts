/** The driver for Redis 7 and Valkey, by the official client `redis`. */
import { TwinwireError } from "../../wasm/errors.ts";
import { positionOf } from "../hub-client.ts";
import { OptionSet, text } from "../internal/options.ts";
import {
  brokerError,
  type DriverEvents,
  type DriverLimits,
  decodeBody,
  encodeBody,
  type History,
  type HubDriver,
  invalid,
  type Member,
  memberOf,
  type OutgoingMessage,
  type Position,
  type StoredMessage,
} from "./driver.ts";

/** What the driver uses of a client that `createClient` of `redis` returns. */
export interface RedisClient {
  duplicate(options: { disableOfflineQueue: boolean }): RedisConnection;
}

/** What it uses of its own connections. */
export interface RedisConnection {
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (error: unknown) => void): unknown;
  sendCommand(args: readonly (string | Uint8Array)[], options?: object): Promise<unknown>;
  subscribe(channel: string, listener: (message: Uint8Array, channel: Uint8Array) => void, binary: true): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
}

/** The options of `new RedisDriver`. */
export interface RedisDriverOptions {
  /** What the names of its keys and channels begin with, in braces, so that a cluster keeps them together. Default: "twinwire". */
  readonly prefix?: string | undefined;
}

const driverOptions = new OptionSet<RedisDriverOptions>({ prefix: text });

/** How long Redis remembers the ids of messages that are to be stored once, in ms. */
const ID_MS = 120_000;
/** How long it waits before it asks again whether Redis can be used, in ms. */
const RETRY_MS = 100;

/**
 * Brings a topic up to date: its hash KEYS[1] has the epoch `e`, the last offset `o`, the id `g` of the Redis that assigned it,
 * and `c`, earlier epochs with their last offsets. Another Redis, also a restarted one, may have lost the end of the topic: it begins
 * an epoch. Its id changes then (master_replid), and no message can come in between, since all of this is one script.
 */
const TOPIC = `
local g = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local h = redis.call('HMGET', KEYS[1], 'g', 'e', 'o', 'c')
local e, o, c = h[2], tonumber(h[3] or '0'), h[4] or ''
if h[1] ~= g then
  local t = redis.call('TIME')
  if e then c = string.sub(e .. ' ' .. o .. ' ' .. c, 1, 400) end
  e = string.sub(g, 1, 6) .. '.' .. t[1] .. '.' .. t[2]
  redis.call('HSET', KEYS[1], 'g', g, 'e', e, 'o', o, 'c', c)
end
`;

/** KEYS: topic, stream, id. ARGV: body, history, historyMs, channel, how long to remember the id (0: not). */
const PUBLISH = `${TOPIC}
local idMs = tonumber(ARGV[5])
if idMs > 0 then
  local known = redis.call('GET', KEYS[3])
  if known then return known end
end
o = o + 1
local at = e .. ':' .. string.format('%d', o)
redis.call('HSET', KEYS[1], 'o', string.format('%d', o))
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], string.format('%d-0', o), 'b', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if idMs > 0 then redis.call('SET', KEYS[3], at, 'PX', idMs) end
redis.call('PUBLISH', ARGV[4], 'M' .. at .. '\\n' .. ARGV[1])
return at
`;

/** KEYS: topic, stream. ARGV: epoch or '', offset, most, historyMs. Returns the end, 1 for a gap, and offsets with bodies. */
const READ = `${TOPIC}
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
local stop = e .. ':' .. string.format('%d', o)
if ARGV[1] == '' then return {stop, 0} end
local from, gap = tonumber(ARGV[2]), 0
if ARGV[1] == e then
  if from > o then from, gap = o, 1 end
else
  local first, last
  for epoch, offset in string.gmatch(c, '(%S+) (%d+) ') do
    first = first or tonumber(offset)
    if epoch == ARGV[1] then last = tonumber(offset) end
  end
  if not last then from, gap = first or 0, 1
  elseif from > last then from, gap = last, 1 end
end
local found = redis.call('XRANGE', KEYS[2], string.format('%d-0', from + 1), '+', 'COUNT', ARGV[3])
local reply = {stop, gap}
for _, entry in ipairs(found) do
  table.insert(reply, string.match(entry[1], '^%d+'))
  table.insert(reply, entry[2][2])
end
if from < o and reply[3] ~= string.format('%d', from + 1) then reply[2] = 1 end
return reply
`;

/** The time of Redis in ms. */
const NOW = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)\n";

/** KEYS: nodes, topics of the node, nodes of the topic, members of the node. ARGV: node, lease, topic, channel, then id and JSON of each. */
const ENTER = `${NOW}
redis.call('ZADD', KEYS[1], 'NX', now + ARGV[2], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('SADD', KEYS[3], ARGV[1])
for at = 5, #ARGV, 2 do
  if redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1]) == 1 then redis.call('PUBLISH', ARGV[4], 'J' .. ARGV[at + 1]) end
end
return 'OK'
`;

/** As ENTER, for one id. */
const EXIT = `
local member = redis.call('HGET', KEYS[4], ARGV[5])
if not member then return 'OK' end
redis.call('HDEL', KEYS[4], ARGV[5])
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('SREM', KEYS[2], ARGV[3])
  redis.call('SREM', KEYS[3], ARGV[1])
end
redis.call('PUBLISH', ARGV[4], 'L' .. member)
return 'OK'
`;

/** KEYS: nodes, nodes of the topic. ARGV: prefix, topic. Returns the members as JSON. */
const MEMBERS = `${NOW}
local reply = {}
for _, node in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local lease = redis.call('ZSCORE', KEYS[1], node)
  if lease and tonumber(lease) > now then
    for _, member in ipairs(redis.call('HVALS', ARGV[1] .. 'm:' .. node .. ':' .. ARGV[2])) do table.insert(reply, member) end
  end
end
return reply
`;

/** KEYS: nodes. ARGV: prefix, node, lease (0: it leaves). Removes nodes whose lease has expired. Returns 1 if it was one of them. */
const RENEW = `${NOW}
local lease = redis.call('ZSCORE', KEYS[1], ARGV[2])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 10)
if ARGV[3] == '0' then gone = {ARGV[2]} end
for _, node in ipairs(gone) do
  for _, topic in ipairs(redis.call('SMEMBERS', ARGV[1] .. 'n:' .. node)) do
    local key = ARGV[1] .. 'm:' .. node .. ':' .. topic
    for _, member in ipairs(redis.call('HVALS', key)) do redis.call('PUBLISH', ARGV[1] .. 'c:' .. topic, 'L' .. member) end
    redis.call('DEL', key)
    redis.call('SREM', ARGV[1] .. 'w:' .. topic, node)
  end
  redis.call('DEL', ARGV[1] .. 'n:' .. node)
  redis.call('ZREM', KEYS[1], node)
end
if ARGV[3] ~= '0' then redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2]) end
if lease and tonumber(lease) > now then return 0 end
return 1
`;

const SCRIPTS = { publish: PUBLISH, read: READ, enter: ENTER, exit: EXIT, members: MEMBERS, renew: RENEW };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Connects a hub with Redis 7 or later, or Valkey. It makes two connections with the options of `client`, one for commands and one for
 * subscriptions; `client` itself is not used and need not be connected.
 *
 * ```ts
 * import { createClient } from "redis";
 * const hub = new Hub(new RedisDriver(createClient({ url: "redis://127.0.0.1:6379" })));
 * ```
 */
export class RedisDriver implements HubDriver {
  readonly #commands: RedisConnection;
  readonly #subscriber: RedisConnection;
  readonly #prefix: string;
  /** Has the client return strings as bytes. */
  readonly #bytes = { typeMapping: { 36: Buffer } };
  readonly #shas = new Map<string, string>();
  #node = "";
  #limits: DriverLimits = { history: 1, historyMs: 1000, leaseMs: 1000 };
  #events: DriverEvents | undefined;
  #isUp = false;
  #closed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** @throws TwinwireError ERR_ARGUMENT for a bad option. */
  constructor(client: RedisClient, options?: RedisDriverOptions) {
    const { prefix = "twinwire" } = driverOptions.read("RedisDriver", options);
    this.#prefix = `{${prefix}}:`;
    this.#commands = client.duplicate({ disableOfflineQueue: true });
    this.#subscriber = client.duplicate({ disableOfflineQueue: false });
  }

  open(node: string, events: DriverEvents, limits: DriverLimits): void {
    this.#node = node;
    this.#events = events;
    this.#limits = limits;
    for (const connection of [this.#commands, this.#subscriber]) {
      connection.on("error", (error) => this.#down(error));
      connection.on("end", () => this.#down(new Error("the connection has ended")));
      connection.on("ready", () => this.#ready());
      connection.connect().catch((error: unknown) => this.#down(error));
    }
  }

  async publish(topic: string, message: OutgoingMessage): Promise<Position> {
    const { history, historyMs } = this.#limits;
    const keys = [this.#key("t", topic), this.#key("s", topic), this.#key("i", `${message.id}:${topic}`)];
    const idMs = message.unique ? `${ID_MS}` : "0";
    const args = [encodeBody(message), `${history}`, `${historyMs}`, this.#key("c", topic), idMs];
    return this.#position(await this.#run("publish", keys, args));
  }

  async subscribe(topic: string): Promise<void> {
    await this.#subscriber.subscribe(this.#key("c", topic), this.#receive, true);
  }

  async unsubscribe(topic: string): Promise<void> {
    await this.#subscriber.unsubscribe(this.#key("c", topic));
  }

  async read(topic: string, after: Position | undefined, most: number): Promise<History> {
    const keys = [this.#key("t", topic), this.#key("s", topic)];
    const args = [after?.epoch ?? "", `${after?.offset ?? 0}`, `${most}`, `${this.#limits.historyMs}`];
    const reply = await this.#run("read", keys, args);
    if (!Array.isArray(reply)) throw this.#invalid("a reply that is no list");
    const [stop, gap, ...found] = reply as unknown[];
    const end = this.#position(stop);
    const messages: StoredMessage[] = [];
    for (let at = 0; at + 1 < found.length; at += 2) {
      const offset = Number(textOf(found[at]));
      if (!Number.isSafeInteger(offset)) throw this.#invalid("an offset that is no number");
      try {
        const body = decodeBody(bytesOf(found[at + 1]), "Redis");
        messages.push({ ...body, epoch: end.epoch, offset, previous: offset - 1 });
      } catch (error) {
        this.#events?.invalid(brokerError(error));
      }
    }
    return { messages, gap: gap === 1, end };
  }

  async enter(topic: string, members: readonly Member[]): Promise<void> {
    for (let at = 0; at < members.length; at += 500) {
      const some = members.slice(at, at + 500).flatMap((it) => [it.id, JSON.stringify(it)]);
      const args = [this.#node, `${this.#limits.leaseMs}`, topic, this.#key("c", topic), ...some];
      await this.#run("enter", this.#presenceKeys(topic), args);
    }
  }

  async exit(topic: string, { id }: Member): Promise<void> {
    const args = [this.#node, "0", topic, this.#key("c", topic), id];
    await this.#run("exit", this.#presenceKeys(topic), args);
  }

  async members(topic: string): Promise<readonly Member[]> {
    const reply = await this.#run("members", [this.#key("nodes"), this.#key("w", topic)], [this.#prefix, topic]);
    if (!Array.isArray(reply)) throw this.#invalid("a reply that is no list");
    return reply.map((it) => memberOf(textOf(it), "Redis"));
  }

  async renew(): Promise<boolean> {
    /* The connection with the subscriptions may be broken although nothing reports that. */
    const answers = this.#subscriber.sendCommand(["PING"]);
    const args = [this.#prefix, this.#node, `${this.#limits.leaseMs}`];
    const [gone] = await Promise.all([this.#run("renew", [this.#key("nodes")], args), answers]);
    return gone === 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    try {
      if (this.#commands.isReady) await this.#run("renew", [this.#key("nodes")], [this.#prefix, this.#node, "0"]);
    } finally {
      for (const connection of [this.#commands, this.#subscriber]) {
        try {
          connection.destroy();
        } catch {
          /* It was not open. */
        }
      }
    }
  }

  readonly #receive = (data: Uint8Array, channel: Uint8Array): void => {
    const topic = decoder.decode(channel).slice(this.#prefix.length + 2);
    try {
      const kind = data[0];
      if (kind === 77) {
        this.#message(topic, data.subarray(1));
        return;
      }
      const member = memberOf(decoder.decode(data.subarray(1)), "Redis");
      if (kind === 74) this.#events?.joined(topic, member);
      else if (kind === 76) this.#events?.left(topic, member);
      else throw this.#invalid("a message of an unknown kind");
    } catch (error) {
      this.#events?.invalid(brokerError(error));
    }
  };

  #message(topic: string, data: Uint8Array): void {
    const end = data.indexOf(10);
    const position = this.#position(data.subarray(0, Math.max(end, 0)));
    const body = decodeBody(data.subarray(end + 1), "Redis");
    this.#events?.message(topic, { ...body, ...position, previous: position.offset - 1 });
  }

  #ready(): void {
    if (!this.#commands.isReady || !this.#subscriber.isReady || this.#closed) return;
    /* Its subscriptions are made again before it answers. */
    Promise.all([this.#subscriber.sendCommand(["PING"]), this.#load()]).then(
      () => {
        if (this.#isUp || this.#closed || !this.#commands.isReady || !this.#subscriber.isReady) return;
        this.#isUp = true;
        this.#events?.up();
      },
      (error: unknown) => {
        if (this.#closed) return;
        this.#down(error);
        /* It answers LOADING while it reads its data; the connections stay, and are not reported as ready again. */
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#ready(), RETRY_MS);
      },
    );
  }

  async #load(): Promise<void> {
    for (const [name, script] of Object.entries(SCRIPTS)) {
      const sha = await this.#commands.sendCommand(["SCRIPT", "LOAD", script]);
      this.#shas.set(name, textOf(sha));
    }
  }

  #down(cause: unknown): void {
    if (this.#closed) return;
    this.#isUp = false;
    this.#events?.down(new TwinwireError("ERR_BROKER", { step: "connect", address: "Redis", cause }));
  }

  async #run(
    name: keyof typeof SCRIPTS,
    keys: readonly string[],
    args: readonly (string | Uint8Array)[],
  ): Promise<unknown> {
    const rest = [
      `${keys.length}`,
      ...keys,
      ...args.map((it) => (typeof it === "string" ? it : Buffer.from(it.buffer, it.byteOffset, it.length))),
    ];
    const sha = this.#shas.get(name);
    try {
      if (sha !== undefined) return await this.#commands.sendCommand(["EVALSHA", sha, ...rest], this.#bytes);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    }
    return this.#commands.sendCommand(["EVAL", SCRIPTS[name], ...rest], this.#bytes);
  }

  #presenceKeys(topic: string): string[] {
    const node = this.#node;
    return [this.#key("nodes"), this.#key("n", node), this.#key("w", topic), this.#key("m", `${node}:${topic}`)];
  }

  #key(kind: string, name?: string): string {
    return name === undefined ? this.#prefix + kind : `${this.#prefix}${kind}:${name}`;
  }

  #position(reply: unknown): Position {
    const position = positionOf(textOf(reply));
    if (position === undefined) throw this.#invalid("something that is no position");
    return position;
  }

  #invalid(problem: string): TwinwireError {
    return invalid("Redis", problem);
  }
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Uint8Array ? decoder.decode(value) : "";
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : encoder.encode(textOf(value));
}
