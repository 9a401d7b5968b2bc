// Clients that publish numbers and count what comes back.

import { http, WebSocket } from "twinwire";
import { HubClient } from "twinwire/hub-client";

const TOPIC = "count";
const CLIENTS = 6;
const EVERY_MS = 25;
/** How long a process may take to answer before another one is tried, in ms: it may be killed just then. */
const TIMEOUT_MS = 2_000;
/** How long the last messages and the leases may take, in ms. */
const PATIENCE_MS = 15_000;

/** Some clients of the chat. Each publishes numbers to one topic, and all should receive all, once. */
export class Counter {
  readonly #address: string;
  readonly #clients: HubClient[] = [];
  readonly #received: Map<string, number>[] = [];
  readonly #sent = new Set<string>();
  readonly #answers: Promise<unknown>[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #gaps = 0;

  constructor(address: string) {
    this.#address = address;
    for (let at = 0; at < CLIENTS; at++) {
      const counts = new Map<string, number>();
      const client = new HubClient(() => new WebSocket(`ws://${address}/?counter-${at}`), {
        minDelayMs: 50,
        maxDelayMs: 500,
        timeoutMs: TIMEOUT_MS,
        publishMs: PATIENCE_MS,
        onMessage: (_topic, message) => counts.set(String(message), (counts.get(String(message)) ?? 0) + 1),
        onGap: () => this.#gaps++,
      });
      client.join(TOPIC);
      this.#clients.push(client);
      this.#received.push(counts);
    }
    this.#timer = setInterval(() => this.#publish(), EVERY_MS);
  }

  /** What was counted so far. */
  summary(): string {
    const connected = this.#clients.filter(({ isOpen }) => isOpen).length;
    return `${this.#sent.size} messages sent, ${this.#lost()} missing now, ${this.#twice()} twice, ${connected} of ${CLIENTS} clients connected`;
  }

  /** Stops to publish, waits for what is on its way, and returns what went wrong. */
  async finish(): Promise<string[]> {
    clearInterval(this.#timer);
    const problems: string[] = [];
    const results = await Promise.allSettled(this.#answers);
    const failed = results.filter((it) => it.status === "rejected" || it.value !== "everywhere").length;
    const end = performance.now() + PATIENCE_MS;
    while (this.#lost() > 0 && performance.now() < end) await pause(50);
    const expected = this.#clients.map((_, at) => `counter-${at}`).join();
    let listed = await this.#members();
    while (listed !== expected && performance.now() < end) {
      await pause(100);
      listed = await this.#members();
    }
    if (failed > 0) problems.push(`${failed} messages were not taken by the broker`);
    if (this.#lost() > 0) problems.push(`${this.#lost()} messages are lost`);
    if (this.#twice() > 0) problems.push(`${this.#twice()} messages came twice`);
    if (this.#gaps > 0) problems.push(`${this.#gaps} gaps were reported`);
    if (listed !== expected) problems.push(`the members are ${listed}, not ${expected}`);
    for (const client of this.#clients) client.close();
    return problems;
  }

  #publish(): void {
    /* Who has never joined can't miss anything. */
    if (this.#clients.some((it) => it.position(TOPIC) === undefined)) return;
    const text = `${this.#sent.size}`;
    const client = this.#clients[this.#sent.size % CLIENTS];
    if (client === undefined) return;
    this.#sent.add(text);
    this.#answers.push(client.publish(TOPIC, text));
  }

  #lost(): number {
    return this.#received.reduce((sum, counts) => sum + this.#sent.size - counts.size, 0);
  }

  #twice(): number {
    return this.#received.reduce((sum, counts) => sum + [...counts.values()].filter((it) => it > 1).length, 0);
  }

  async #members(): Promise<string> {
    try {
      const url = `http://${this.#address}/members?${TOPIC}`;
      const { body } = await http.request({ method: "GET", url }, { timeoutMs: TIMEOUT_MS });
      return (body as { names: string[] }).names.sort().join();
    } catch {
      return "unknown";
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
