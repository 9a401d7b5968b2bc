/** The page of `make demo-web`, in a browser that is no part of this project: looked at, and clicked. */
import { once } from "node:events";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { chromium, type Page } from "playwright-core";
import { type Child, describeWith, startChild } from "./support/child.ts";
import { chromiumFlags, chromiumTool } from "./support/chromium.ts";
import { atEnd, endPeers, tcpPeer } from "./support/peers.ts";
import { PATIENCE, pause, within } from "./support/wait.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const program = join(root, "build/tools/demo/web.js");
const pictures = join(root, "build/demo-web");

beforeAll(() => {
  if (!existsSync(program)) throw new Error("the demo is not built: run make");
  mkdirSync(pictures, { recursive: true });
});
afterEach(endPeers);

async function serve(): Promise<{ child: Child; url: string }> {
  const child = startChild(process.execPath, [program], { NODE_OPTIONS: "" });
  const url = /live at (http:\/\/127\.0\.0\.1:\d+\/)$/.exec(await child.lines.next())?.[1];
  if (url === undefined) throw new Error(`no URL: ${child.lines.all.join("\n")} ${child.errors.all.join("\n")}`);
  return { child, url };
}

/** What a page shows. */
async function shown(page: Page, id: string): Promise<string> {
  return (await page.locator(`#${id}`).textContent()) ?? "";
}

/** Waits until a page shows it. */
async function shows(page: Page, id: string, wanted: (text: string) => boolean, what: string): Promise<string> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const text = await shown(page, id);
    if (wanted(text)) return text;
    if (performance.now() > end) throw new Error(`#${id} is to be ${what}, and is: ${text}`);
    await pause(20);
  }
}

const rate = (page: Page, least: number, most: number): Promise<string> =>
  shows(page, "rate", (text) => Number(text) >= least && Number(text) <= most, `${least} to ${most}`);

async function state(page: Page, wanted: string): Promise<void> {
  await page.locator(`#state[data-state="${wanted}"]`).waitFor({ timeout: PATIENCE });
}

/** How many pixels of the plot have the colour of a curve, and how far to the left they reach, from 0 to 1. */
async function curve(page: Page, name: "--cpu" | "--late"): Promise<{ pixels: number; from: number }> {
  return page.evaluate((property) => {
    const canvas = document.querySelector("canvas");
    const context = canvas?.getContext("2d");
    if (canvas === null || context === null || context === undefined) return { pixels: 0, from: 1 };
    const colour = getComputedStyle(document.documentElement).getPropertyValue(property).trim();
    const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    const { width, height } = canvas;
    /* Between the numbers of the axes, which have the same colour. */
    const [left, inner] = [Math.round(width * 0.2), Math.round(width * 0.6)];
    const { data } = context.getImageData(left, 0, inner, height);
    let pixels = 0;
    let from = inner;
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] !== red || data[at + 1] !== green || data[at + 2] !== blue || data[at + 3] !== 255) continue;
      pixels++;
      from = Math.min(from, (at / 4) % inner);
    }
    return { pixels, from: from / inner };
  }, name);
}

/** The row of a page in the table of pages. */
async function row(page: Page, id: number): Promise<{ sent: number; skipped: number; waiting: string; state: string }> {
  const rows = await page
    .locator("#pages tr")
    .evaluateAll((all) => all.map((it) => [...it.querySelectorAll("td")].map((cell) => cell.textContent ?? "")));
  const [, sent, skipped, waiting = "", now = ""] = rows.find(([name = ""]) => Number.parseInt(name, 10) === id) ?? [];
  return { sent: Number(sent), skipped: Number(skipped), waiting, state: now };
}

async function rowOf(page: Page, id: number, wanted: string): ReturnType<typeof row> {
  await page.locator(`#pages td[data-state="${wanted}"]`).first().waitFor({ timeout: PATIENCE });
  return row(page, id);
}

async function picture(page: Page, name: string): Promise<void> {
  const path = join(pictures, name);
  await page.screenshot({ path, fullPage: true });
  expect(statSync(path).size).toBeGreaterThan(10_000);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
}

describeWith(chromiumTool, "the page in Chromium", (executablePath) => {
  test("plots the stream; each button has its effect; a lost connection is opened again", async () => {
    const { child, url } = await serve();
    const browser = await chromium.launch({ executablePath, args: [...chromiumFlags], timeout: PATIENCE });
    atEnd(() => browser.close());
    const faults: string[] = [];
    const open = async (options: Parameters<typeof browser.newPage>[0]): Promise<Page> => {
      const page = await browser.newPage(options);
      page.on("pageerror", ({ message }) => faults.push(message));
      page.on("response", (response) => {
        if (!response.ok()) faults.push(`${response.status()} ${response.url()}`);
      });
      await page.goto(url);
      await state(page, "open");
      return page;
    };
    const desk = await open({ viewport: { width: 1100, height: 800 }, colorScheme: "light" });
    const phone = await open({ viewport: { width: 390, height: 900 }, colorScheme: "dark", isMobile: true });

    await rate(desk, 8, 12);
    await rate(phone, 8, 12);
    await shows(desk, "trip", (text) => Number(text) > 0 && Number(text) < 1000, "a time");
    expect(await desk.locator("#plot").getAttribute("data-points")).toMatch(/^[1-9]/);

    await desk.locator(".choice").getByText("50", { exact: true }).click();
    await rate(desk, 40, 60);
    await rate(phone, 40, 60);

    await phone.getByRole("button", { name: "Pause" }).click();
    await rate(phone, 0, 0);
    expect((await rowOf(desk, 2, "paused")).state).toBe("paused");
    await rate(desk, 40, 60);
    await phone.getByRole("button", { name: "Resume" }).click();
    await rate(phone, 40, 60);
    expect(await shown(phone, "missed")).toBe("0");

    await phone.getByRole("button", { name: "Stall" }).click();
    const slow = await rowOf(desk, 2, "slow");
    expect(slow.state).toBe("slow");
    expect(slow.waiting).toMatch(/^[1-9]\d* KiB$/);
    expect(slow.skipped).toBeGreaterThan(0);
    expect(Number.parseInt(slow.waiting, 10)).toBeLessThanOrEqual(1024);
    await picture(desk, "slow.png");
    const missed = Number(await shows(phone, "missed", (text) => Number(text) > 0, "above 0"));
    expect(missed).toBeGreaterThanOrEqual(slow.skipped);
    await rate(phone, 40, 60);
    expect(await shown(desk, "missed")).toBe("0");
    expect(await row(desk, 1)).toMatchObject({ skipped: 0, state: "live" });

    const before = await curve(desk, "--cpu");
    expect(before.pixels).toBeGreaterThan(50);
    expect((await curve(desk, "--late")).pixels).toBeGreaterThan(50);
    const points = Number(await desk.locator("#plot").getAttribute("data-points"));
    await desk.getByRole("button", { name: "Drop" }).click();
    await state(desk, "waiting");
    await state(phone, "waiting");
    expect(await desk.locator("#drop").isDisabled()).toBe(true);
    await picture(desk, "lost.png");
    await state(desk, "open");
    await state(phone, "open");
    expect(await shown(desk, "reconnects")).toBe("1");
    expect(await shown(phone, "reconnects")).toBe("1");
    const log = await shown(desk, "log");
    for (const wait of ["0.5 s", "1 s", "2 s"]) expect(log).toContain(`lost: 1006; next attempt in ${wait}`);
    await rate(desk, 40, 60);
    await rate(phone, 40, 60);
    /* The curve has wandered to the left, and new points have come. */
    expect((await curve(desk, "--cpu")).from).toBeLessThan(before.from);
    expect(Number(await desk.locator("#plot").getAttribute("data-points"))).toBeGreaterThan(points);
    await picture(desk, "desk.png");
    await picture(phone, "phone.png");

    child.process.kill("SIGINT");
    expect(await within(child.ended, "its end")).toBe(0);
    expect(child.lines.all.at(-1)).toMatch(/stopped; closed the connections of 2 pages$/);
    await shows(desk, "log", (text) => text.includes("lost: 1001, the demo has ended"), "a goodbye");
    expect(child.errors.all).toEqual([]);
    /* Browsers log refused connections to the console, which is no fault of the page. */
    expect(faults).toEqual([]);
  });
});

test("gives nothing to pages of other sites, and nothing that is not the page's", async () => {
  const { url } = await serve();
  const answer = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(new URL(path, url), init);
    await response.arrayBuffer();
    return response.status;
  };
  expect(await answer("/")).toBe(200);
  expect(await answer("/uplot.js")).toBe(200);
  expect(await answer("/", { method: "HEAD" })).toBe(200);
  expect(await answer("/", { method: "POST", body: "x" })).toBe(405);
  expect(await answer("/..%2fpackage.json")).toBe(404);
  expect(await answer("/page.css/..%2f..%2f..%2fpackage.json")).toBe(404);

  const { WebSocket } = await import("ws");
  const open = (headers: Record<string, string>): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(new URL("sensors", url.replace("http", "ws")), { headers });
      socket.on("error", ({ message }) => resolve(message));
      socket.on("open", () => socket.send("no order"));
      socket.on("close", (code) => resolve(`closed with ${code}`));
    });
  expect(await within(open({ origin: "http://elsewhere.example" }), "an answer")).toContain("403");
  expect(await within(open({ origin: new URL(url).origin }), "an answer")).toBe("closed with 4000");
});

test("ends on Ctrl-C although a client does not answer", async () => {
  const { child, url } = await serve();
  const { port } = new URL(url);
  const client = connect(Number(port), "127.0.0.1");
  atEnd(() => client.destroy());
  client.on("error", () => {});
  client.write(
    "GET /sensors HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await within(once(client, "readable"), "the handshake");
  const start = performance.now();
  child.process.kill("SIGINT");
  expect(await within(child.ended, "its end")).toBe(0);
  expect(performance.now() - start).toBeLessThan(PATIENCE / 2);
  expect(child.lines.all.at(-1)).toMatch(/closed the connections of 1 page$/);
});

test("rejects an invalid port with a message", async () => {
  const bad = startChild(process.execPath, [program, "80a"], { NODE_OPTIONS: "" });
  expect(await within(bad.ended, "its end")).toBe(2);
  expect(bad.errors.all.join("\n")).toContain("use a number from 0 to 65535");
  const { port } = await tcpPeer((socket) => socket.destroy());
  const taken = startChild(process.execPath, [program, `${port}`], { NODE_OPTIONS: "" });
  expect(await within(taken.ended, "its end")).toBe(1);
  expect(taken.errors.all.join("\n")).toContain("ERR_IN_USE");
});
