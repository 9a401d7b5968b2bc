/** Handles whose events are kept, to be awaited one by one. */
import { createCipheriv, createHash } from "node:crypto";
import { type Disconnect, type Failure, lastError, net, type WsOpenOptions, ws } from "twinwire/handles";
import { atEnd } from "../support/peers.ts";
import { Inbox } from "../support/wait.ts";

/** A TCP connection under test. Data is counted and hashed, and kept only on request. */
export class TcpClient {
  readonly handle: number;
  readonly connected = new Inbox<unknown>("connected");
  readonly disconnected = new Inbox<Disconnect>("disconnected");
  readonly errors = new Inbox<Failure>("error");
  readonly drains = new Inbox<unknown>("drain");
  readonly data = new Inbox<Uint8Array>("data");
  readonly hash = createHash("sha256");
  received = 0;

  constructor(host: string, port: number, { keep = true } = {}) {
    this.handle = opened(net.tcpConnect(host, port));
    atEnd(() => net.close(this.handle));
    net.on(this.handle, "connected", this.connected.push);
    net.on(this.handle, "disconnected", this.disconnected.push);
    net.on(this.handle, "error", this.errors.push);
    net.on(this.handle, "drain", this.drains.push);
    net.on(
      this.handle,
      "data",
      ({ data }) => {
        this.received += data.length;
        this.hash.update(data);
        if (keep) this.data.push(data);
      },
      { binary: true },
    );
  }

  /** A client that is connected. */
  static async open(host: string, port: number, options?: { keep?: boolean }): Promise<TcpClient> {
    const client = new TcpClient(host, port, options);
    await client.connected.next();
    return client;
  }

  /** Sends, waiting for room as often as it takes. Returns how often it had to wait. */
  async send(data: string | Uint8Array): Promise<number> {
    let waits = 0;
    while (net.send(this.handle, data) < 0) {
      if (lastError()?.code !== "ERR_BACKPRESSURE") throw lastError();
      waits += 1;
      await this.drains.next();
    }
    return waits;
  }

  /** All that came, as text. */
  get text(): string {
    return Buffer.concat(this.data.all).toString("utf8");
  }
}

/** A WebSocket under test. */
export class WsClient {
  readonly handle: number;
  readonly connected = new Inbox<unknown>("connected");
  readonly disconnected = new Inbox<Disconnect>("disconnected");
  readonly errors = new Inbox<Failure>("error");
  readonly drains = new Inbox<unknown>("drain");
  readonly messages = new Inbox<string | Uint8Array>("message");
  readonly closing = new Inbox<{ code: number; reason: string }>("closing");
  readonly pings = new Inbox<string>("ping");
  readonly pongs = new Inbox<string>("pong");

  constructor(url: string, options?: WsOpenOptions) {
    this.handle = opened(ws.open(url, options));
    atEnd(() => ws.close(this.handle));
    ws.on(this.handle, "connected", this.connected.push);
    ws.on(this.handle, "disconnected", this.disconnected.push);
    ws.on(this.handle, "error", this.errors.push);
    ws.on(this.handle, "drain", this.drains.push);
    ws.on(this.handle, "message", ({ message }) => this.messages.push(message));
    ws.on(this.handle, "closing", this.closing.push);
    ws.on(this.handle, "ping", ({ data }) => this.pings.push(text(data)));
    ws.on(this.handle, "pong", ({ data }) => this.pongs.push(text(data)));
  }

  /** A client that is open. */
  static async open(url: string, options?: WsOpenOptions): Promise<WsClient> {
    const client = new WsClient(url, options);
    await client.connected.next();
    return client;
  }

  /** Sends, waiting for room as often as it takes. Returns how often it had to wait. */
  async send(data: string | Uint8Array): Promise<number> {
    let waits = 0;
    while (ws.send(this.handle, data) < 0) {
      if (lastError()?.code !== "ERR_BACKPRESSURE") throw lastError();
      waits += 1;
      await this.drains.next();
    }
    return waits;
  }
}

/** The handle, or the error that opening came to. */
export function opened(handle: number): number {
  if (handle < 0) throw lastError();
  return handle;
}

/** Bytes that look like nothing in particular and are the same in every run. */
export function noise(size: number, seed = 1): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed >>> 0);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** Text of that many bytes with characters of one to four bytes. */
export function prose(size: number): string {
  const line = "plain, Grüße, 東京, 🌍; ";
  const bytes = Buffer.byteLength(line);
  return line.repeat(Math.floor(size / bytes)) + "x".repeat(size % bytes);
}

/** The hash that two ends compare. */
export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function text(data: Uint8Array): string {
  return Buffer.from(data).toString("utf8");
}
