import type { Port, PortEvents, SocketOptions, TlsOptions } from "../../adapters/port.ts";
import { Close, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";

const ROOM = 65_536;
/** What listeners accept gets the handles from here on. */
export const FIRST_ACCEPTED = 100;

/** Notes what a port delivers, and does what the engine would do at once. */
export class PortRecorder implements PortEvents {
  readonly memory: { readonly received: Buffer };
  readonly observed = new Inbox<string>("a delivery");
  readonly data: Buffer[] = [];
  readonly causes: unknown[] = [];
  /** Called inside the deliveries. */
  onConnected: ((handle: number) => void) | undefined;
  onReceived: ((handle: number, data: Buffer) => void) | undefined;
  onAccepted: ((handle: number) => void) | undefined;
  /** Whether listeners may accept. */
  hasRoom = true;
  #accepted = FIRST_ACCEPTED;

  constructor(room = ROOM) {
    this.memory = { received: Buffer.alloc(room) };
  }

  /** All that came, as text. */
  get text(): string {
    return Buffer.concat(this.data).toString();
  }

  connected(handle: number): void {
    this.observed.push(`connected ${handle}`);
    this.onConnected?.(handle);
  }

  accepted(listener: number, register: (handle: number) => void): boolean {
    if (!this.hasRoom) return false;
    const handle = this.#accepted;
    this.#accepted++;
    register(handle);
    this.observed.push(`accepted ${handle} by ${listener}`);
    this.onAccepted?.(handle);
    return true;
  }

  secured(handle: number): void {
    this.observed.push(`secured ${handle}`);
  }

  received(handle: number, size: number): void {
    const data = Buffer.from(this.memory.received.subarray(0, size));
    this.data.push(data);
    this.observed.push(`received ${handle}`);
    this.onReceived?.(handle, data);
  }

  /** Bytes that the port gave away. */
  bytesGiven = 0;

  given(handle: number, bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > this.memory.received.length)
      this.observed.push(`a wrong size ${bytes.length}`);
    this.bytesGiven += bytes.length;
    this.memory.received.set(bytes);
    this.received(handle, bytes.length);
  }

  /** The handles whose end may have been one that was cut off. */
  readonly uncertain = new Set<number>();

  ended(handle: number, certain = true): void {
    if (!certain) this.uncertain.add(handle);
    this.observed.push(`ended ${handle}`);
  }

  written(handle: number, size: number): void {
    this.observed.push(`written ${handle} ${size}`);
  }

  closed(handle: number, error: number, cause?: unknown): void {
    this.causes.push(cause);
    this.observed.push(`closed ${handle} ${error}`);
  }

  datagram(handle: number, size: number, address: string, port: number): void {
    const text = this.memory.received.toString("latin1", 0, size);
    this.observed.push(`datagram ${handle} ${text} ${address} ${port}`);
  }

  /** Where datagrams were to go that failed. */
  readonly targets: (string | undefined)[] = [];

  failed(handle: number, error: number, _cause?: unknown, target?: string): void {
    this.targets.push(target);
    this.observed.push(`failed ${handle} ${error}`);
  }

  wake(): void {
    this.observed.push("wake");
  }

  later(): void {
    this.observed.push("later");
  }

  /** Waits until a line was observed, whatever else came. */
  async waitFor(line: string): Promise<void> {
    await until(() => this.observed.all.includes(line), `${line} after ${this.observed.all.slice(-5).join(", ")}`);
  }

  /** Waits for the next end of a handle, and returns its error. */
  async endOf(handle: number): Promise<number> {
    const prefix = `closed ${handle} `;
    const found = (): string | undefined => this.observed.all.find((line) => line.startsWith(prefix));
    await until(() => found() !== undefined, `the end of ${handle} after ${this.observed.all.slice(-5).join(", ")}`);
    return Number(found()?.slice(prefix.length));
  }
}

/** A port whose deliveries are noted. */
export function attach(createPort: () => Port, room?: number): { port: Port; recorder: PortRecorder } {
  const port = createPort();
  const recorder = new PortRecorder(room);
  port.attach(recorder, recorder.memory);
  return { port, recorder };
}

/** Opens a listener on loopback or at a path, and returns its port. It is closed at the end of the test. */
export async function listen(
  port: Port,
  recorder: PortRecorder,
  handle: number,
  { path, tls, options = {} }: { path?: string; tls?: TlsOptions; options?: SocketOptions } = {},
): Promise<number> {
  const kind = path === undefined ? SocketKind.TCP_LISTENER : SocketKind.UNIX_LISTENER;
  const result = port.open(handle, kind, path ?? "127.0.0.1", 0, options, tls);
  if (result !== 0) throw new Error(`listening: ${result}`);
  atEnd(() => port.close(handle, Close.ABORT));
  await recorder.waitFor(`connected ${handle}`);
  return Number(String(port.address(handle, 0)).split(":").at(-1));
}

/** Writes all of it, as the core does, and waits until the port is done with the bytes. */
export async function writeAll(port: Port, recorder: PortRecorder, handle: number, data: Uint8Array): Promise<void> {
  let seen = recorder.observed.all.length;
  for (let at = 0; at < data.length; ) {
    const rest = data.subarray(at);
    const done = port.write(handle, [rest]);
    if (done < 0) throw new Error(`writing: ${done}`);
    at += done;
    if (done === rest.length) return;
    const prefix = `written ${handle} `;
    await until(() => recorder.observed.all.slice(seen).some((line) => line.startsWith(prefix)), "written");
    const index = recorder.observed.all.findIndex((line, place) => place >= seen && line.startsWith(prefix));
    at += Number(recorder.observed.all[index]?.slice(prefix.length));
    seen = index + 1;
  }
}
