/** examples/chat-cluster: what it counts while its processes are killed, and its page in a browser. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { chromium, type Page } from "playwright-core";
import { RedisServer, redisTool } from "./hub/redis-server.ts";
import { type Child, describeWith, startChild } from "./support/child.ts";
import { chromiumFlags, chromiumTool } from "./support/chromium.ts";
import { atEnd, endPeers } from "./support/peers.ts";
import { within } from "./support/wait.ts";

const program = fileURLToPath(new URL("../build/tools/examples/chat-cluster/main.js", import.meta.url));
const LONG = 30_000;

beforeAll(() => {
  if (!existsSync(program)) throw new Error("the example is not built: run make");
});
afterEach(endPeers);

async function start(redis: string, ...args: string[]): Promise<{ child: Child; url: string }> {
  const server = await RedisServer.start(redis);
  const env = { NODE_OPTIONS: "", REDIS_URL: `redis://127.0.0.1:${server.port}` };
  const child = startChild(process.execPath, [program, ...args], env);
  const line = await child.lines.next(LONG);
  const url = /serve (http:\S+)$/.exec(line)?.[1];
  if (url === undefined) throw new Error(`no URL: ${line}`);
  return { child, url };
}

/** Loads a page, as a person does: again if it meets a process that is killed just then. */
async function load(page: Page, url: string): Promise<void> {
  for (const end = performance.now() + LONG; ; ) {
    try {
      await page.goto(url, { timeout: LONG / 5 });
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}

describeWith(redisTool, "a chat of four processes", (redis) => {
  test("nothing is lost, nothing comes twice, and nobody is listed who is gone", async () => {
    const { child } = await start(redis, "3");
    const code = await within(child.ended, "its end", 2 * LONG);
    expect({ code, errors: child.errors.all }).toEqual({ code: 0, errors: [] });
    expect(child.lines.all.at(-1)).toBe("nothing lost, nothing twice, nobody there who is gone");
    expect(child.lines.all.at(-2)).toMatch(
      /^killed [1-9]\d* processes; [1-9]\d* messages sent, 0 missing now, 0 twice/,
    );
  }, 90_000);

  describeWith(chromiumTool, "in Chromium", (executablePath) => {
    test("two pages talk to each other while a process is killed", async () => {
      const { child, url } = await start(redis, "0", "10000");
      const browser = await chromium.launch({ executablePath, args: [...chromiumFlags], timeout: LONG });
      atEnd(() => browser.close());
      const faults: string[] = [];
      const open = async (name: string): Promise<Page> => {
        const page = await browser.newPage();
        page.setDefaultTimeout(LONG);
        page.on("pageerror", ({ message }) => faults.push(message));
        await load(page, `${url}#${name}`);
        await page.locator("#state", { hasText: "open" }).waitFor();
        return page;
      };
      const [ada, bob] = [await open("Ada"), await open("Bob")];
      const say = async (page: Page, text: string): Promise<void> => {
        await page.locator("#text").fill(text);
        await page.getByRole("button", { name: "Send" }).click();
      };
      await say(ada, "before");
      await bob.locator("#log .message", { hasText: "Ada: before" }).waitFor();
      await within(child.lines.next(LONG), "a killed process", LONG);
      await say(bob, "after");
      const expected = ["Ada: before", "Bob: after"];
      for (const page of [ada, bob]) {
        await page
          .locator("#log .message")
          .nth(expected.length - 1)
          .waitFor();
        expect(await page.locator("#log .message").allTextContents()).toEqual(expected);
        expect(await page.locator("#log .gap").count()).toBe(0);
        await page.locator("#members", { hasText: /^Ada, Bob$/ }).waitFor();
      }
      child.process.kill("SIGINT");
      expect(await within(child.ended, "its end", LONG)).toBe(0);
      expect(faults).toEqual([]);
    }, 90_000);
  });
});
