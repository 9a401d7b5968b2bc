import type { Port, PortEvents, SocketOptions, TlsOptions } from "../../adapters/port.ts";
import { Close, SocketKind } from "../../wasm/abi.gen.ts";
import { atEnd } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";

const ROOM = 65_536;
/** What listeners accept gets the handles from here on. */
export const FIRST_ACCEPTED = 100;

/** Notes what a port delivers, and does what the engine would do at once. */
export class Ear implements PortEvents {
  readonly memory: { readonly received: Buffer };
  readonly heard = new Inbox<string>("a delivery");
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
    this.heard.push(`connected ${handle}`);
    this.onConnected?.(handle);
  }

  accepted(listener: number, register: (handle: number) => void): boolean {
    if (!this.hasRoom) return false;
    const handle = this.#accepted;
    this.#accepted++;
    register(handle);
    this.heard.push(`accepted ${handle} by ${listener}`);
    this.onAccepted?.(handle);
    return true;
  }

  secured(handle: number): void {
    this.heard.push(`secured ${handle}`);
  }

  received(handle: number, size: number): void {
    const data = Buffer.from(this.memory.received.subarray(0, size));
    this.data.push(data);
    this.heard.push(`received ${handle}`);
    this.onReceived?.(handle, data);
  }

  /** Bytes that the port gave away. */
  bytesGiven = 0;

  given(handle: number, bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > this.memory.received.length)
      this.heard.push(`a wrong size ${bytes.length}`);
    this.bytesGiven += bytes.length;
    this.memory.received.set(bytes);
    this.received(handle, bytes.length);
  }

  /** The handles whose end may have been one that was cut off. */
  readonly uncertain = new Set<number>();

  ended(handle: number, certain = true): void {
    if (!certain) this.uncertain.add(handle);
    this.heard.push(`ended ${handle}`);
  }

  written(handle: number, size: number): void {
    this.heard.push(`written ${handle} ${size}`);
  }

  closed(handle: number, error: number, cause?: unknown): void {
    this.causes.push(cause);
    this.heard.push(`closed ${handle} ${error}`);
  }

  datagram(handle: number, size: number, address: string, port: number): void {
    const text = this.memory.received.toString("latin1", 0, size);
    this.heard.push(`datagram ${handle} ${text} ${address} ${port}`);
  }

  /** Where datagrams were to go that failed. */
  readonly targets: (string | undefined)[] = [];

  failed(handle: number, error: number, _cause?: unknown, target?: string): void {
    this.targets.push(target);
    this.heard.push(`failed ${handle} ${error}`);
  }

  wake(): void {
    this.heard.push("wake");
  }

  later(): void {
    this.heard.push("later");
  }

  /** Waits until a line was heard, whatever else came. */
  async hears(line: string): Promise<void> {
    await until(() => this.heard.all.includes(line), `${line} after ${this.heard.all.slice(-5).join(", ")}`);
  }

  /** Waits for the next end of a handle, and returns its error. */
  async endOf(handle: number): Promise<number> {
    const prefix = `closed ${handle} `;
    const found = (): string | undefined => this.heard.all.find((line) => line.startsWith(prefix));
    await until(() => found() !== undefined, `the end of ${handle} after ${this.heard.all.slice(-5).join(", ")}`);
    return Number(found()?.slice(prefix.length));
  }
}

/** A port whose deliveries are noted. */
export function attach(createPort: () => Port, room?: number): { port: Port; ear: Ear } {
  const port = createPort();
  const ear = new Ear(room);
  port.attach(ear, ear.memory);
  return { port, ear };
}

/** Opens a listener on loopback or at a path, and returns its port. It is closed at the end of the test. */
export async function listen(
  port: Port,
  ear: Ear,
  handle: number,
  { path, tls, options = {} }: { path?: string; tls?: TlsOptions; options?: SocketOptions } = {},
): Promise<number> {
  const kind = path === undefined ? SocketKind.TCP_LISTENER : SocketKind.UNIX_LISTENER;
  const result = port.open(handle, kind, path ?? "127.0.0.1", 0, options, tls);
  if (result !== 0) throw new Error(`listening: ${result}`);
  atEnd(() => port.close(handle, Close.ABORT));
  await ear.hears(`connected ${handle}`);
  return Number(String(port.address(handle, 0)).split(":").at(-1));
}

/** Writes all of it, as the core does, and waits until the port is done with the bytes. */
export async function writeAll(port: Port, ear: Ear, handle: number, data: Uint8Array): Promise<void> {
  let seen = ear.heard.all.length;
  for (let at = 0; at < data.length; ) {
    const rest = data.subarray(at);
    const done = port.write(handle, [rest]);
    if (done < 0) throw new Error(`writing: ${done}`);
    at += done;
    if (done === rest.length) return;
    const prefix = `written ${handle} `;
    await until(() => ear.heard.all.slice(seen).some((line) => line.startsWith(prefix)), "written");
    const index = ear.heard.all.findIndex((line, place) => place >= seen && line.startsWith(prefix));
    at += Number(ear.heard.all[index]?.slice(prefix.length));
    seen = index + 1;
  }
}
