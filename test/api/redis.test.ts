/** The Redis client of examples/ against the real server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Redis, RedisError } from "../../examples/redis.ts";
import { describeWith, findTool, startChild } from "../support/child.ts";
import { endPeers, freePort } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { pattern } from "./support.ts";

describeWith(findTool("redis-server", ["redis-server"], ["--version"]), "Redis", (program) => {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-redis-"));
  const path = join(folder, "redis.sock");
  let port = 0;

  beforeAll(async () => {
    port = await freePort();
    const options = { port, bind: "127.0.0.1", unixsocket: path, dir: folder, save: "", appendonly: "no" };
    const { lines } = startChild(
      program,
      Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    );
    await until(() => lines.all.some((line) => line.includes("Ready to accept connections")), "redis-server");
  });

  afterAll(async () => {
    await endPeers();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Has the client closed whatever comes of the test. */
  async function use<T>(redis: Redis, test: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await within(test(redis), "the answers");
    } finally {
      redis.close();
    }
  }

  test("every kind of answer", async () => {
    await use(Redis.connect("localhost", port), async (redis) => {
      expect(await redis.command("PING")).toBe("PONG");
      await redis.set("text", "Grüße, 東京");
      expect(await redis.get("text")).toBe("Grüße, 東京");
      expect(await redis.get("nothing")).toBe(null);
      expect(await redis.command("STRLEN", "text")).toBe(15);
      await redis.command("DEL", "list");
      expect(await redis.command("RPUSH", "list", 1, "two", Buffer.from([0, 13, 10, 255]))).toBe(3);
      const list = (await redis.command("LRANGE", "list", 0, -1)) as Uint8Array[];
      expect(list.map((item) => Buffer.from(item).toString("latin1"))).toEqual(["1", "two", "\0\r\n\xff"]);
      expect(await redis.command("LRANGE", "empty", 0, -1)).toEqual([]);
      const nested = await redis.command("EVAL", "return {1, {2, 'three', {}}, false}", 0);
      expect(nested).toEqual([1, [2, Buffer.from("three"), []], null]);
      const error = await redis.command("NO-SUCH-COMMAND").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RedisError);
      expect((error as Error).message).toMatch(/^ERR unknown command/);
      expect(await redis.command("PING")).toBe("PONG");
    });
  });

  test("pipelined: ten thousand commands at once, answers in order", async () => {
    await use(Redis.connect("127.0.0.1", port), async (redis) => {
      await redis.command("DEL", "counter");
      const answers = await Promise.all(Array.from({ length: 10_000 }, () => redis.command("INCR", "counter")));
      expect(answers).toEqual(Array.from({ length: 10_000 }, (_, index) => index + 1));
    });
  });

  test("megabytes, and what comes cut anywhere", async () => {
    await use(Redis.connect("127.0.0.1", port), async (redis) => {
      const value = pattern(10_000_000);
      const [, back, echoes] = await Promise.all([
        redis.set("large", value),
        redis.command("GET", "large"),
        Promise.all(Array.from({ length: 3000 }, (_, size) => redis.command("ECHO", "x".repeat(size)))),
      ]);
      expect(Buffer.from(back as Uint8Array).equals(value)).toBe(true);
      expect(echoes.every((echo, size) => (echo as Uint8Array).length === size)).toBe(true);
      await redis.command("DEL", "large");
    });
  });

  test("over a Unix socket", async () => {
    await use(Redis.unix(path), async (redis) => {
      await redis.set("over", "a path");
      expect(await redis.get("over")).toBe("a path");
    });
  });

  test("the program", async () => {
    const file = fileURLToPath(new URL("../../build/tools/examples/redis-demo.js", import.meta.url));
    const { ended, lines, errors } = startChild(process.execPath, [file, "127.0.0.1", String(port)]);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(errors.all).toEqual([]);
    expect(lines.all).toEqual(["Grüße", "1000 answers", "ERR unknown command 'NO-SUCH-COMMAND'"]);
  });

  test("many clients at once, and one that is closed in the middle", async () => {
    const clients = Array.from({ length: 20 }, () => Redis.connect("127.0.0.1", port));
    const answers = await within(Promise.all(clients.map((redis, index) => redis.command("ECHO", index))), "answers");
    expect(answers.map((answer) => Number(Buffer.from(answer as Uint8Array).toString()))).toEqual([...clients.keys()]);
    const blocked = (clients[0] as Redis).command("BLPOP", "never", 0);
    (clients[0] as Redis).close();
    await expect(within(blocked, "the answer")).rejects.toMatchObject({ code: "ERR_STATE" });
    for (const redis of clients) redis.close();
    await expect(Redis.connect("127.0.0.1", 1).command("PING")).rejects.toMatchObject({ code: "ERR_REFUSED" });
  });
});
