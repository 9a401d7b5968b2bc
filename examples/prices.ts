/**
 * A price feed over WebSocket: the server publishes numbered prices, clients show the latest one and know whether it is current.
 * test/sim/recipes.test.ts tests it on a simulated network.
 */
import { WebSocket, WebSocketServer } from "twinwire";

/** How soon each side notices that the other is gone: after 15 seconds at most. */
const heartbeat = { intervalMs: 10_000, timeoutMs: 5_000 };

/** Publishes prices. */
export class PriceServer {
  readonly #server: WebSocketServer;
  #number = 0;
  #price = 0;

  constructor(host: string, port: number) {
    this.#server = new WebSocketServer(host, port, {
      heartbeat,
      maxBuffered: 262_144,
      onConnection: (client) => client.send(this.#message()),
    });
  }

  get opened(): Promise<void> {
    return this.#server.opened;
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.#server.clients.size;
  }

  /** Sends a price to all clients. One that still has earlier prices to read is left out: it gets the next one. */
  publish(price: number): void {
    this.#price = price;
    this.#number++;
    this.#server.broadcast(this.#message(), { slow: "skip" });
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #message(): string {
    return JSON.stringify({ number: this.#number, price: this.#price });
  }
}

/** Follows the prices of a server, and connects again whenever the connection is lost. */
export class PriceClient {
  /** The latest price that was received. */
  price: number | undefined;
  /** Its number. */
  number = -1;
  /** Whether a connection is open, so that the price is current. */
  current = false;
  /** How many connections there were. */
  connections = 0;
  readonly #socket: WebSocket;

  constructor(url: string) {
    this.#socket = new WebSocket(url, { heartbeat, reconnect: { minDelayMs: 500, maxDelayMs: 20_000 } });
    this.#socket.onopen = () => {
      this.current = true;
      this.connections++;
    };
    this.#socket.onclose = () => {
      this.current = false;
    };
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(String(data)));
  }

  close(): void {
    this.#socket.close();
  }

  #take({ number, price }: { number: number; price: number }): void {
    this.number = number;
    this.price = price;
  }
}
