/** The driver (driver.c): the C handle API in a process of its own, called line by line. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { expect } from "@jest/globals";
import { Inbox, until, within } from "../support/wait.ts";
import { environment } from "./build.ts";

let running: Driver[] = [];

export class Driver {
  /** The lines of events, in order. */
  readonly events: string[] = [];
  readonly #answers = new Inbox<string>("an answer of the driver");
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #errors: Buffer[] = [];
  readonly #ended: Promise<unknown[]>;

  private constructor(program: string, limits: readonly string[]) {
    this.#process = spawn(program, limits, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = once(this.#process, "close");
    this.#process.stderr.on("data", (data: Buffer) => this.#errors.push(data));
    this.#process.stdin.on("error", () => {});
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      if (line.startsWith("= ")) this.#answers.push(line.slice(2));
      else this.events.push(line);
    });
    running.push(this);
  }

  /** Starts one; `limits` as `sockets=4`. */
  static async start(folder: string, ...limits: string[]): Promise<Driver> {
    const driver = new Driver(`${folder}/driver`, limits);
    await driver.waitFor("ready");
    driver.events.length = 0;
    return driver;
  }

  /** Calls a function of the API, and gives its result, as text. */
  call(...words: (string | number)[]): Promise<string> {
    this.#process.stdin.write(`${words.join(" ")}\n`);
    return this.#answers.next();
  }

  /** The same, with a handle as result. */
  async open(...words: (string | number)[]): Promise<number> {
    const handle = Number(await this.call(...words));
    expect(handle).toBeGreaterThan(0);
    return handle;
  }

  /** Waits for an event: a whole line, or the first that a pattern fits. */
  async waitFor(wanted: string | RegExp): Promise<string> {
    const fits = (line: string): boolean => (typeof wanted === "string" ? line === wanted : wanted.test(line));
    await until(
      () => this.events.some(fits),
      `${wanted} of the driver, which said ${JSON.stringify(this.events.slice(-20))} ${this.#said()}`,
    );
    return this.events.find(fits) as string;
  }

  /** Asks again and again until the answer is the wanted one. */
  async answers(wanted: string, ...words: (string | number)[]): Promise<void> {
    let last = "";
    const asked = async (): Promise<void> => {
      for (last = await this.call(...words); last !== wanted; ) last = await this.call(...words);
    };
    await within(asked(), `${wanted} as answer to ${words.join(" ")}`);
  }

  /** What came on a handle is this, to the byte. */
  async received(handle: number, data: Uint8Array): Promise<void> {
    await this.answers(`${data.length} ${hashOf(data)}`, "total", handle);
  }

  /** So many bytes came on a handle, whatever they are. */
  async receivedSize(handle: number, size: number): Promise<void> {
    let last = "";
    const asked = async (): Promise<void> => {
      while (!last.startsWith(`${size} `)) last = await this.call("total", handle);
    };
    await within(asked(), `${size} bytes on ${handle}`).catch((error: unknown) => {
      throw new Error(`${error}; there are ${last}`);
    });
  }

  /** Ends its input; what the sanitizers and the leak checker say is a failure. */
  async end(): Promise<void> {
    this.#process.stdin.end();
    const [code] = await within(this.#ended, `the end of the driver ${this.#said()}`).catch((error: unknown) => {
      this.#process.kill("SIGKILL");
      throw error;
    });
    expect({ code, said: this.#said() }).toEqual({ code: 0, said: "" });
  }

  #said(): string {
    return Buffer.concat(this.#errors).toString();
  }
}

/** Ends all drivers, each in order. */
export async function endDrivers(): Promise<void> {
  const all = running;
  running = [];
  const ends = await Promise.allSettled(all.map((it) => it.end()));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** FNV-1a, as the driver counts. */
export function hashOf(data: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < data.length; at++) hash = Math.imul(hash ^ (data[at] ?? 0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Text as the driver shows it. */
export function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}
