import { type HttpReply, type IncomingRequest, type ServerSocket, WebSocketServer } from "twinwire";
import { type Order, readOrder } from "./order.ts";
import { type Reading, Sensor } from "./sensor.ts";
import { site } from "./site.ts";

/** How long new connections are refused after all were dropped: long enough that a page has to try several times. */
const SHUT_MS = 3000;
/** While a page stalls for 3 s, its readings carry ballast, so that the buffers of the system between us fill. */
const BALLAST_MS = 3500;
const BALLAST_PER_S = 16 * 1024 * 1024;
const MOST_BALLAST = 512 * 1024;
const STATUS_MS = 500;
const NOT_UNDERSTOOD = 4000;

/** A page that watches. */
interface Page {
  readonly id: number;
  sent: number;
  /** Readings that it did not get, because earlier ones still waited for it. */
  skipped: number;
  slow: boolean;
  paused: boolean;
  /** Until when its readings carry ballast. */
  ballastUntil: number;
}

/** Measures, and sends the readings to every page: the page itself by HTTP, the readings by WebSocket, both on one port. */
export class Station {
  readonly #server: WebSocketServer;
  readonly #log: (text: string) => void;
  readonly #pages = new Map<ServerSocket, Page>();
  readonly #sensor = new Sensor((reading) => this.#publish(reading));
  #status: NodeJS.Timeout | undefined;
  #count = 0;
  #shutUntil = 0;

  constructor(host: string, port: number, log: (text: string) => void) {
    this.#log = log;
    this.#server = new WebSocketServer(host, port, {
      path: "/sensors",
      /* Pages of other sites may not listen in. */
      origins: (origin, { headers: { host: own } }) => origin === `http://${own}`,
      authorize: () => this.#admit(),
      heartbeat: { intervalMs: 5000, timeoutMs: 5000 },
      maxMessage: 1024,
      onRequest: (request: IncomingRequest) => site(request),
      onConnection: (socket) => this.#join(socket),
      onMessage: (socket, message) => this.#obey(socket, readOrder(message)),
    });
  }

  /** Begins. Rejected if it can't listen. */
  async open(): Promise<string> {
    await this.#server.opened;
    this.#sensor.start();
    this.#status = setInterval(() => this.#sendStatus(), STATUS_MS);
    return `http://${this.#server.addr()}/`;
  }

  /** Closes the connection of every page, and stops. Returns how many there were. */
  async close(): Promise<number> {
    const pages = this.#pages.size;
    this.#sensor.stop();
    clearInterval(this.#status);
    await this.#server.close({ reason: "the demo has ended" });
    return pages;
  }

  #admit(): true | HttpReply {
    const wait = this.#shutUntil - Date.now();
    if (wait <= 0) return true;
    return { status: 503, headers: { "retry-after": Math.ceil(wait / 1000) }, body: "unavailable\n" };
  }

  #join(socket: ServerSocket): void {
    const page: Page = { id: ++this.#count, sent: 0, skipped: 0, slow: false, paused: false, ballastUntil: 0 };
    this.#pages.set(socket, page);
    this.#log(`page ${page.id} connected from ${socket.remoteAddr()}`);
    socket.send(JSON.stringify({ kind: "hello", id: page.id }));
    this.#sendStatus();
    socket.closed.then(({ code }) => {
      this.#pages.delete(socket);
      this.#log(`page ${page.id} disconnected, code ${code}; ${page.sent} readings sent, ${page.skipped} skipped`);
    });
  }

  #publish(reading: Reading): void {
    const now = Date.now();
    const pages = [...this.#pages].filter(([, { paused }]) => !paused);
    const stalling = pages.filter(([, { ballastUntil }]) => now < ballastUntil);
    const others = pages.filter(([, { ballastUntil }]) => now >= ballastUntil);
    this.#send({ kind: "reading", ...reading }, others);
    if (stalling.length === 0) return;
    const ballast = "x".repeat(Math.min(MOST_BALLAST, BALLAST_PER_S / this.#sensor.rate));
    this.#send({ kind: "reading", ...reading, ballast }, stalling);
  }

  /** One frame for all. A page that is behind is left out, and neither delays the others nor fills the memory. */
  #send(message: object, pages: readonly [ServerSocket, Page][]): void {
    const to = pages.map(([socket]) => socket);
    const skipped = new Set(this.#server.broadcast(JSON.stringify(message), { to, slow: "skip" }).skipped);
    for (const [socket, page] of pages) {
      const slow = skipped.has(socket);
      if (slow) page.skipped++;
      else page.sent++;
      if (slow && !page.slow) this.#log(`page ${page.id} does not keep up and is skipped`);
      if (!slow && page.slow) this.#log(`page ${page.id} keeps up again; ${page.skipped} readings were skipped`);
      page.slow = slow;
    }
  }

  #sendStatus(): void {
    const pages = [...this.#pages].map(([{ bufferedAmount }, page]) => ({ ...page, waiting: bufferedAmount }));
    this.#server.broadcast(JSON.stringify({ kind: "status", rate: this.#sensor.rate, pages }), { slow: "skip" });
  }

  #obey(socket: ServerSocket, order: Order | undefined): void {
    const page = this.#pages.get(socket);
    if (page === undefined) return;
    switch (order?.kind) {
      case "ping":
        socket.send(JSON.stringify({ kind: "pong", at: order.at }));
        return;
      case "rate":
        this.#sensor.rate = order.rate;
        this.#log(`page ${page.id} requests ${order.rate} readings per second`);
        break;
      case "pause":
        page.paused = order.on;
        this.#log(`page ${page.id} ${order.on ? "pauses" : "continues"}`);
        break;
      case "stall":
        page.ballastUntil = Date.now() + BALLAST_MS;
        this.#log(`page ${page.id} reads nothing for 3 s; its readings carry ballast meanwhile`);
        break;
      case "drop":
        this.#shutUntil = Date.now() + SHUT_MS;
        this.#log(`${this.#pages.size} connections are dropped, and new ones refused for ${SHUT_MS / 1000} s`);
        for (const each of this.#pages.keys()) each.terminate();
        return;
      default:
        socket.close(NOT_UNDERSTOOD, "that is no order");
        return;
    }
    this.#sendStatus();
  }
}
