import type {
  Clock,
  Port,
  PortEvents,
  PortMemory,
  Resolution,
  SocketOptions,
  TlsInfo,
  TlsOptions,
} from "../../adapters/port.ts";
import { FOREVER } from "../../wasm/abi.gen.ts";

/** A port whose every step the test decides. It notes what it is asked for. */
export class FakePort implements Port {
  readonly name = "fake";
  readonly calls: string[] = [];
  readonly written: string[] = [];
  nowMs = 1000;
  wakeMs = FOREVER;
  laters = 0;
  cause: unknown;
  /** What `write` answers; by default that all is done. */
  takes = Number.POSITIVE_INFINITY;
  /** What `open` answers, or throws. */
  opens: number | Error = 0;
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  readonly clock: Clock = {
    now: () => this.nowMs,
    wake: (delayMs) => {
      this.wakeMs = delayMs;
      this.calls.push(delayMs === FOREVER ? "wake never" : `wake ${delayMs}`);
    },
    later: () => {
      this.laters++;
    },
    keep: (on) => this.calls.push(`clock keep ${on}`),
  };

  get deliver(): PortEvents {
    if (this.#deliver === undefined) throw new Error("not attached");
    return this.#deliver;
  }

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
  }

  /** Delivers bytes. */
  receive(handle: number, data: string | Uint8Array): void {
    const bytes = Buffer.from(data);
    this.#memory?.received.set(bytes);
    this.deliver.received(handle, bytes.length);
  }

  /** The turn that the engine asked for. */
  turn(): void {
    if (this.laters === 0) throw new Error("no turn was asked for");
    this.laters--;
    this.deliver.later();
  }

  /** What the last `open` and `startTls` were handed besides. */
  options: SocketOptions | undefined;
  tls: TlsOptions | undefined;
  info: TlsInfo | undefined;
  /** What `resolve` comes to. */
  resolution: Promise<Resolution> = Promise.resolve({ error: 0, addresses: ["192.0.2.1"] });

  open(handle: number, kind: number, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    this.options = options;
    this.tls = tls;
    this.calls.push(`open ${handle} ${kind} ${name} ${port}`);
    return this.#answer();
  }

  #answer(): number {
    if (typeof this.opens !== "number") throw this.opens;
    return this.opens;
  }

  write(_handle: number, pieces: readonly Uint8Array[]): number {
    const text = pieces.map((piece) => Buffer.from(piece).toString("latin1"));
    this.written.push(text.join("|"));
    const size = text.join("").length;
    return Math.min(size, this.takes);
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    this.calls.push(`send ${handle} ${address} ${port} ${Buffer.from(data).toString()}`);
    return data.length;
  }

  shutdown(handle: number): void {
    this.calls.push(`shutdown ${handle}`);
  }

  connectUdp(handle: number, address: string, port: number): number {
    this.calls.push(`connect ${handle} ${address} ${port}`);
    return this.#answer();
  }

  startTls(handle: number, name: string, options: TlsOptions): number {
    this.tls = options;
    this.calls.push(`tls ${handle} ${name}`);
    return this.#answer();
  }

  tlsInfo(): TlsInfo | undefined {
    return this.info;
  }

  resolve(host: string, family: number): Promise<Resolution> {
    this.calls.push(`resolve ${host} ${family}`);
    return this.resolution;
  }

  read(handle: number, on: boolean): void {
    this.calls.push(`read ${handle} ${on}`);
  }

  close(handle: number, how: number): void {
    this.calls.push(`close ${handle} ${how}`);
  }

  address(): string {
    return "192.0.2.1:7";
  }

  random(target: Uint8Array): void {
    target.fill(0);
  }

  keep(handle: number, on: boolean): void {
    this.calls.push(`keep ${handle} ${on}`);
  }

  isUp(): boolean {
    return true;
  }
}
