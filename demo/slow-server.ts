/**
 * TCP and WebSocket in a process of its own: they accept and do not read until they are ordered to. When the client
 * has ended, they report how many bytes arrived, in how many messages, and their SHA-256.
 */
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { WebSocketServer } from "ws";
import { lies, onOrder, post } from "./peer-side.ts";

const waiting: (() => void)[] = [];
onOrder(() => {
  for (const resume of waiting.splice(0)) resume();
});

class Count {
  #bytes = 0;
  #pieces = 0;
  readonly #hash: Hash = createHash("sha256");

  add(data: Buffer): void {
    if (lies("bytes") && this.#pieces === 0) data[0] = (data[0] ?? 0) ^ 1;
    this.#bytes += data.length;
    this.#pieces++;
    this.#hash.update(data);
  }

  report(): void {
    post({ kind: "got", bytes: this.#bytes, pieces: this.#pieces, sha256: this.#hash.digest("hex") });
  }
}

const tcp = createServer({ pauseOnConnect: true }, (client) => {
  const count = new Count();
  client.on("data", (data) => count.add(data)).on("end", () => count.report());
  client.pause();
  waiting.push(() => client.resume());
});
tcp.listen(0, "127.0.0.1");

const ws = new WebSocketServer({ host: "127.0.0.1", port: 0 });
ws.on("connection", (client) => {
  const count = new Count();
  client.on("message", (data: Buffer) => count.add(data)).on("close", () => count.report());
  client.pause();
  waiting.push(() => client.resume());
});

await Promise.all([once(tcp, "listening"), once(ws, "listening")]);
post({ kind: "ready", ports: [(tcp.address() as AddressInfo).port, (ws.address() as AddressInfo).port] });
