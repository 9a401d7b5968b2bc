import type { PortEvents } from "../port.ts";
import { beginsWith, joinBytes } from "./bytes.ts";
import type { ScriptPort } from "./script-port.ts";
import { forget, type ScriptSocket } from "./socket.ts";

/** What happens on a scripted host: each method is a delivery to the engine that the port is attached to. */
export class Script {
  readonly #port: ScriptPort;

  constructor(port: ScriptPort) {
    this.#port = port;
  }

  /** The connection is established. */
  connected(handle: number): void {
    this.#deliver.connected(handle);
  }

  /** A listener has a connection, which gets a name if there is room for it. Returns whether there is. */
  accepted(listener: number, name: string): boolean {
    let taken = false;
    this.#port.accepting(name, (register) => {
      taken = this.#deliver.accepted(listener, register);
    });
    return taken;
  }

  /** The TLS handshake is done. */
  secured(handle: number): void {
    const socket = this.#port.find(handle);
    if (socket !== undefined) socket.securing = false;
    this.#deliver.secured(handle);
  }

  /** Delivers bytes; holds them while reading is off. */
  receive(handle: number, bytes: Uint8Array): void {
    const socket = this.#port.find(handle);
    if (socket?.open && (!socket.reading || socket.held.length > 0)) socket.held.push(new Uint8Array(bytes));
    else this.#arrive(handle, bytes);
  }

  /** Delivers the end of the peer's half; holds it as `receive` does. */
  end(handle: number): void {
    const socket = this.#port.find(handle);
    if (socket?.open && (!socket.reading || socket.held.length > 0)) socket.heldEnd = true;
    else this.#deliver.ended(handle);
  }

  /** The socket is gone. */
  gone(handle: number, error: number): void {
    const socket = this.#port.find(handle);
    if (socket !== undefined) forget(socket);
    this.#deliver.closed(handle, error);
  }

  /**
   * Writes `size` of the pending bytes and hands the rest back.
   *
   * @throws Error if fewer are pending, unless nothing is: that delivery the engine has to bear.
   */
  finishWrite(handle: number, size: number): void {
    const socket = this.#port.find(handle);
    const { lent } = socket ?? {};
    if (socket !== undefined && lent !== undefined) {
      if (size > lent.length) throw new Error(`only ${lent.length} bytes are pending`);
      if (!beginsWith(joinBytes(socket.lentPieces), lent)) this.#port.fail(socket, "bytes being written were changed");
      this.#port.written(socket, lent.subarray(0, size));
      socket.handedBack = size < lent.length ? new Uint8Array(lent.subarray(size)) : undefined;
      socket.lent = undefined;
      socket.lentPieces = [];
    }
    this.#deliver.written(handle, size);
  }

  /** Delivers a datagram. */
  datagram(handle: number, bytes: Uint8Array, address: string, port: number): void {
    this.#port.engine?.memory.received.set(bytes);
    this.#deliver.datagram(handle, bytes.length, address, port);
  }

  /** What this host does by itself once a delivery is over: goes on writing, delivers what it held. True if anything. */
  moveOn(socket: ScriptSocket): boolean {
    return this.#dribbleOn(socket) || this.#deliverHeld(socket);
  }

  #dribbleOn(socket: ScriptSocket): boolean {
    if (!this.#port.dribble || !socket.open || socket.lent === undefined) return false;
    if (socket.take !== Number.POSITIVE_INFINITY) return false;
    socket.offerAgain = !socket.offerAgain;
    this.finishWrite(socket.handle, socket.offerAgain ? 0 : socket.lent.length);
    return true;
  }

  #deliverHeld(socket: ScriptSocket): boolean {
    if (!socket.open || !socket.reading) return false;
    if (socket.held.length > 0) {
      const held = joinBytes(socket.held.splice(0));
      const room = this.#port.engine?.memory.received.length ?? held.length;
      if (held.length > room) socket.held.push(held.subarray(room));
      this.#arrive(socket.handle, held.subarray(0, room));
    } else if (socket.heldEnd) {
      socket.heldEnd = false;
      this.#deliver.ended(socket.handle);
    } else return false;
    return true;
  }

  #arrive(handle: number, bytes: Uint8Array): void {
    this.#port.engine?.memory.received.set(bytes);
    this.#deliver.received(handle, bytes.length);
  }

  get #deliver(): PortEvents {
    if (this.#port.engine === undefined) throw new Error("no engine is attached");
    return this.#port.engine.deliver;
  }
}
