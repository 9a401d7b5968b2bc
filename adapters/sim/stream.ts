/** One end of a simulated stream, as its process and its system see it. */
import { AddressOf, Close, Errors } from "../../wasm/abi.gen.ts";
import type { PortEvents, PortMemory, TlsInfo, TlsOptions } from "../port.ts";
import type { Occupant, Process } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Item, Mark, Pipe, Sink, Source } from "./pipe.ts";
import { hashBytes } from "./simulation.ts";

/** What a ClientHello looks like to one that does not speak TLS. */
const HELLO_BYTES = Uint8Array.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]);

/** The socket of a handle: where it delivers. */
export interface Place {
  readonly handle: number;
  readonly deliver: PortEvents;
  readonly memory: PortMemory;
  /** Called before the last delivery. */
  readonly forget: () => void;
}

interface Tls {
  readonly server: boolean;
  readonly options: TlsOptions;
  info: TlsInfo | undefined;
}

/** Addresses of both ends, `""` where an end has none. */
export interface Addresses {
  readonly local: string;
  readonly remote: string;
}

export class SimStream implements Source, Sink, Occupant {
  readonly process: Process;
  /** Known once the engine has a handle for it. */
  place: Place | undefined;
  addresses: Addresses = { local: "", remote: "" };
  /** The application has closed it, or has been informed of its end: nothing is delivered any more. */
  released = false;
  /** The system has closed it, and the process does not know yet. */
  #broken = false;
  readonly #network: Network;
  #out: Pipe | undefined;
  #in: Pipe | undefined;
  /** `connected` or `accepted` was delivered. */
  #ready = false;
  #reading = true;
  #arrived: Item[] = [];
  #pollAsked = false;
  /** A write of which the engine has to be informed. */
  #owed: "nothing" | "room" | "soon" = "nothing";
  #lent: readonly Uint8Array[] | undefined;
  #tls: Tls | undefined;
  /** Whether a listener accepted it: then it is the server of a TLS handshake. */
  readonly accepted: boolean;
  /** Never reads nor sends: a fault. */
  readonly #silent: boolean;

  constructor(network: Network, process: Process, how: { accepted?: boolean; silent?: boolean } = {}) {
    this.#network = network;
    this.process = process;
    this.accepted = how.accepted === true;
    this.#silent = how.silent === true;
    if (!this.#silent) process.machine.sockets.add(this);
  }

  /** The connection is established. */
  join(out: Pipe, from: Pipe, addresses: Addresses): void {
    this.#out = out;
    this.#in = from;
    this.addresses = addresses;
  }

  /** Whether it is over: closed by the application or by the system. */
  get over(): boolean {
    return this.#broken || this.released;
  }

  /** The process knows that it is open: what has arrived may be delivered. */
  begin(): void {
    this.#ready = true;
    this.#poll(0);
  }

  /** Runs a delivery as code of the process, unless the application has closed the stream by then. */
  deliver(text: string, run: (place: Place) => void, delayMs = 0): void {
    this.process.after(delayMs, () => {
      const { place } = this;
      if (this.released || place === undefined) return;
      this.process.machine.note(`${text} ${place.handle}`);
      run(place);
    });
  }

  // ---- Calls of the port

  write(pieces: readonly Uint8Array[]): number {
    const out = this.#out;
    if (this.#broken) return Errors.ERR_RESET.value;
    if (out === undefined || this.released) return Errors.ERR_STATE.value;
    const { faults, random } = this.#network.simulation;
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    if (random.happens(faults.borrowedWrite)) {
      this.#lent = pieces;
      this.#network.simulation.after(random.fraction() * 3, undefined, () => this.#takeLent());
      return 0;
    }
    const most = Math.min(total, Math.max(0, out.room));
    const taken = random.happens(faults.partialWrite) ? random.between(0, most) : most;
    if (taken < total) this.#owe(taken < most ? "soon" : "room");
    this.#copy(pieces, taken);
    return taken;
  }

  shutdown(): void {
    this.#out?.send({ kind: "end", notified: this.#tls?.info !== undefined });
  }

  read(on: boolean): void {
    this.#reading = on;
    if (on) this.#poll(0);
  }

  close(how: Close): void {
    this.released = true;
    this.#lent = undefined;
    this.process.machine.sockets.delete(this);
    if (this.#broken) return;
    const unread = this.#arrived.some((item) => item instanceof Uint8Array);
    this.#arrived = [];
    if (how === Close.ABORT || unread) this.#out?.reset();
    else this.#out?.send({ kind: "end", notified: this.#tls?.info !== undefined });
  }

  startTls(options: TlsOptions, server: boolean): number {
    this.#tls = { server, options, info: undefined };
    if (!server) this.#out?.send({ kind: "hello", alpn: options.alpn ?? [] });
    else this.#poll(0);
    return 0;
  }

  get tlsInfo(): TlsInfo | undefined {
    return this.#tls?.info;
  }

  address(which: AddressOf): string {
    return which === AddressOf.LOCAL ? this.addresses.local : this.addresses.remote;
  }

  // ---- The network

  hasRoom(): void {
    if (this.#lent !== undefined) this.#takeLent();
    if (this.#owed === "room") this.#pay(0);
  }

  broken(reason: "reset" | "timeout"): void {
    this.fail(reason === "reset" ? Errors.ERR_RESET.value : Errors.ERR_TIMEOUT.value);
  }

  arrived(item: Item): boolean {
    if (this.#broken) return true;
    if (!(item instanceof Uint8Array) && item.kind === "reset") {
      this.#out?.cut();
      this.fail(Errors.ERR_RESET.value);
      return true;
    }
    if (this.released) return !(item instanceof Uint8Array);
    if (this.#silent) return true;
    this.#arrived.push(item);
    const { faults, random } = this.#network.simulation;
    this.#poll(random.happens(faults.joinedRead) ? random.fraction() * (faults.latencyMs + faults.jitterMs + 2) : 0);
    return true;
  }

  lost(silent: boolean): void {
    this.released = true;
    this.process.machine.sockets.delete(this);
    if (silent) {
      this.#out?.cut();
      return;
    }
    if (this.#arrived.some((item) => item instanceof Uint8Array)) this.#out?.reset();
    else this.#out?.send({ kind: "end", notified: false });
  }

  /** The system closes the stream, and informs the process. */
  fail(error: number, cause?: Error): void {
    if (this.#broken || this.released) return;
    this.#broken = true;
    this.#arrived = [];
    this.#lent = undefined;
    if (this.place === undefined) this.process.machine.sockets.delete(this); /* it was not accepted yet */
    this.deliver(`closed ${error}`, ({ handle, deliver, forget }) => {
      this.released = true;
      this.process.machine.sockets.delete(this);
      forget();
      deliver.closed(handle, error, cause);
    });
  }

  // ---- Writing

  #copy(pieces: readonly Uint8Array[], taken: number): void {
    if (taken <= 0) return;
    const bytes = new Uint8Array(taken);
    let at = 0;
    for (const piece of pieces) {
      const size = Math.min(piece.length, taken - at);
      bytes.set(piece.subarray(0, size), at);
      at += size;
      if (at === taken) break;
    }
    this.process.machine.note(`write ${this.place?.handle} ${taken} ${hashBytes([bytes], taken)}`);
    this.#out?.send(bytes);
  }

  #takeLent(): void {
    const pieces = this.#lent;
    const room = this.#out?.room ?? 0;
    if (pieces === undefined || room <= 0 || this.#broken) return;
    this.#lent = undefined;
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    const taken = Math.min(total, room);
    this.#copy(pieces, taken);
    this.deliver(`written ${taken}`, ({ handle, deliver }) => deliver.written(handle, taken));
  }

  #owe(when: "room" | "soon"): void {
    this.#owed = when;
    if (when === "soon") this.#pay(this.#network.simulation.random.fraction() * 3);
  }

  #pay(delayMs: number): void {
    this.#owed = "nothing";
    this.deliver("written 0", ({ handle, deliver }) => deliver.written(handle, 0), delayMs);
  }

  // ---- Reading

  #poll(delayMs: number): void {
    if (this.#pollAsked || !this.#ready || this.#arrived.length === 0) return;
    this.#pollAsked = true;
    this.process.after(delayMs, () => {
      this.#pollAsked = false;
      const { place } = this;
      const first = this.#arrived[0];
      if (this.released || this.#broken || place === undefined || first === undefined) return;
      if (first instanceof Uint8Array) this.#deliverBytes(place);
      else this.#deliverMark(place, first);
      if (!this.released) this.#poll(0);
    });
  }

  #deliverBytes(place: Place): void {
    if (!this.#reading) return;
    if (this.#tls !== undefined && this.#tls.info === undefined) {
      this.#failTls();
      return;
    }
    const { faults, random } = this.#network.simulation;
    const target = place.memory.received;
    let most = target.length;
    if (random.happens(faults.partialRead)) {
      const available = this.#arrived.reduce((sum, item) => sum + (item instanceof Uint8Array ? item.length : 0), 0);
      most = random.between(1, Math.min(most, available));
    }
    let size = 0;
    for (let item = this.#arrived[0]; item instanceof Uint8Array && size < most; item = this.#arrived[0]) {
      const part = item.subarray(0, most - size);
      target.set(part, size);
      size += part.length;
      if (part.length === item.length) this.#arrived.shift();
      else this.#arrived[0] = item.subarray(part.length);
    }
    this.#in?.consumed(size);
    this.process.machine.note(`received ${place.handle} ${size} ${hashBytes([target], size)}`);
    place.deliver.received(place.handle, size);
  }

  #deliverMark(place: Place, mark: Mark): void {
    const tls = this.#tls;
    if (mark.kind === "end") {
      if (!this.#reading) return;
      this.#arrived.shift();
      if (tls !== undefined && !mark.notified) {
        this.fail(Errors.ERR_ENDED.value);
        return;
      }
      this.process.machine.note(`ended ${place.handle}`);
      place.deliver.ended(place.handle);
      return;
    }
    if (mark.kind === "hello" && tls?.server !== true) {
      if (!this.#reading) return;
      this.#arrived[0] = HELLO_BYTES;
      if (this.#in !== undefined) this.#in.unread += HELLO_BYTES.length;
      return;
    }
    this.#arrived.shift();
    if (mark.kind === "hello") this.#answerHello(mark.alpn);
    else if (mark.kind === "answer") this.#secure(mark.alpn);
    else if (mark.kind === "done") this.#secured();
  }

  // ---- TLS: a handshake of one round trip, which encrypts and verifies nothing

  #answerHello(offered: readonly string[]): void {
    const { faults, random } = this.#network.simulation;
    const accepted = this.#tls?.options.alpn ?? [];
    const chosen = accepted.find((it) => offered.includes(it));
    const disagree = offered.length > 0 && accepted.length > 0 && chosen === undefined;
    if (disagree || random.happens(faults.tlsFailure)) {
      this.#failTls();
      return;
    }
    this.#negotiated(chosen ?? "");
    this.#out?.send({ kind: "answer", alpn: chosen ?? "" });
  }

  #secure(alpn: string): void {
    this.#negotiated(alpn);
    this.#out?.send({ kind: "done" });
    this.#secured();
  }

  #negotiated(alpn: string): void {
    if (this.#tls === undefined) return;
    const protocol = "TLSv1.3";
    this.#tls.info = { alpn, protocol, cipher: "TLS_AES_128_GCM_SHA256", peerFingerprint: "", authorized: true };
  }

  #secured(): void {
    this.deliver("secured", ({ handle, deliver }) => deliver.secured(handle));
  }

  #failTls(): void {
    this.#out?.reset();
    this.fail(Errors.ERR_TLS.value);
  }
}
