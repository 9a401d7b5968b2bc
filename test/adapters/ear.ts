import type { Port, PortEvents } from "../../adapters/port.ts";
import { Inbox } from "../support/wait.ts";

const ROOM = 65_536;

/** Notes what a port delivers. What its listeners accept gets the handles from 100 on. */
export class Ear implements PortEvents {
  readonly memory = { received: Buffer.alloc(ROOM) };
  readonly heard = new Inbox<string>("a delivery");
  readonly data: Buffer[] = [];
  readonly causes: unknown[] = [];
  /** Called inside `received`. */
  onReceived: (() => void) | undefined;

  connected(handle: number): void {
    this.heard.push(`connected ${handle}`);
  }

  /** Whether what is accepted is taken, and what is done then, before its `connected`. */
  onAccepted: (handle: number) => boolean = () => true;
  #accepted = 100;

  accepted(listener: number, register: (handle: number) => void): boolean {
    const handle = this.#accepted;
    if (!this.onAccepted(handle)) return false;
    this.#accepted++;
    register(handle);
    this.heard.push(`accepted ${handle} by ${listener}`);
    this.onRegistered?.(handle);
    return true;
  }

  /** Called inside `accepted`, once the connection is registered. */
  onRegistered: ((handle: number) => void) | undefined;

  secured(handle: number): void {
    this.heard.push(`secured ${handle}`);
  }

  received(handle: number, size: number): void {
    this.data.push(Buffer.from(this.memory.received.subarray(0, size)));
    this.heard.push(`received ${handle}`);
    this.onReceived?.();
  }

  ended(handle: number): void {
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

  failed(handle: number, error: number): void {
    this.heard.push(`failed ${handle} ${error}`);
  }

  wake(): void {
    this.heard.push("wake");
  }

  later(): void {
    this.heard.push("later");
  }
}

/** A port whose deliveries are noted. */
export function attach(createPort: () => Port): { port: Port; ear: Ear } {
  const port = createPort();
  const ear = new Ear();
  port.attach(ear, ear.memory);
  return { port, ear };
}
