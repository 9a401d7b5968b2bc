import { type AddressOf, Close, Errors, Kind, SocketKind } from "../../wasm/abi.gen.ts";
import type { Clock, Port, PortEvents, PortMemory, Resolution } from "../port.ts";
import { beginsWith, joinBytes } from "./bytes.ts";
import { ClientStream } from "./client-stream.ts";
import { Log } from "./log.ts";
import { forget, newSocket, type ScriptSocket } from "./socket.ts";

/** How a socket is opened: the word for the wire log, what may open it so, and whether it has a name and a port. */
const openings: Record<SocketKind, { word: string; kinds: readonly Kind[]; name: boolean; port: boolean }> = {
  [SocketKind.TCP]: { word: "tcp", kinds: [Kind.TCP, Kind.WS], name: true, port: true },
  [SocketKind.UDP]: { word: "udp", kinds: [Kind.UDP], name: false, port: true },
  [SocketKind.UNIX]: { word: "unix", kinds: [Kind.TCP, Kind.WS], name: true, port: false },
  [SocketKind.TCP_LISTENER]: { word: "listen-tcp", kinds: [Kind.LISTENER], name: false, port: true },
  [SocketKind.UNIX_LISTENER]: { word: "listen-unix", kinds: [Kind.LISTENER], name: true, port: false },
};

/**
 * A host without an operating system. It answers the engine as a script defines, writes every call down in `wire`,
 * notes in `fault` how the engine broke the contract of the port. `Script` (script.ts) delivers.
 *
 * It has sockets by the names a script gives them, time that stands still until the script moves it, back-pressure by
 * `take`, and held bytes while reading is off. It has no network, resolves no names, and delivers nothing by itself. Its
 * random bytes are the same in every run.
 */
export class ScriptPort implements Port {
  readonly name = "script";
  /** The engine's calls, one a line. */
  readonly wire = new Log();
  /** How the engine broke the contract, or `""`. */
  fault = "";
  /** Take half of each write, the rest later. */
  dribble = false;
  /** What the next `open` answers; 0: it opens. */
  refuseOpen = 0;
  /** What the next `sendTo` answers; 0: it sends. */
  refuseSend = 0;
  /** What the next `connectUdp` answers. */
  refuseConnect = 0;
  /** What the next `startTls` answers; 0: it starts. */
  refuseTls = 0;
  /** What `attach` handed over. */
  engine: { deliver: PortEvents; memory: PortMemory } | undefined;
  readonly clock: Clock & { nowMs: number; wakeAt: number; laterAsked: boolean };
  readonly #sockets: ScriptSocket[] = [];
  #opening: ScriptSocket | undefined;
  #random: number[] = [];
  #seed = 0x2545f491;

  constructor(nowMs = 1_000_000) {
    this.clock = {
      nowMs,
      wakeAt: Number.POSITIVE_INFINITY,
      laterAsked: false,
      now() {
        return this.nowMs;
      },
      wake(delayMs) {
        this.wakeAt = delayMs === 0xffffffff ? Number.POSITIVE_INFINITY : this.nowMs + delayMs;
      },
      later() {
        this.laterAsked = true;
      },
      keep() {},
    };
  }

  // ---- The port

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.engine = { deliver, memory };
  }

  open(handle: number, kind: SocketKind, name: string, port: number): number {
    const socket = this.#opening?.handle === -1 ? this.#opening : this.find(handle);
    if (socket === undefined || socket.open) {
      this.fail(socket, socket === undefined ? "a socket is opened for it" : "it is opened twice");
      return Errors.ERR_HOST.value;
    }
    const how = openings[kind];
    const fits = how?.kinds.some((it) => it === socket.kind) && (name !== "" || !how.name) && (port === 0 || how.port);
    if (!fits) this.fail(socket, "it is opened with a wrong kind, name or port");
    const words = ["open", socket.name, how?.word, ...(name === "" ? [] : [name]), ...(how?.port ? [port] : [])];
    this.wire.line(words.join(" "));
    const refuse = this.refuseOpen;
    this.refuseOpen = 0;
    if (refuse === 0) this.opened(socket, handle);
    return refuse;
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    const socket = this.find(handle);
    if (socket === undefined || !socket.open) return this.#refuse(socket, "bytes are written on a closed socket");
    if (socket.finished || socket.securing) {
      return this.#refuse(socket, socket.finished ? "bytes follow the end" : "bytes are written while TLS begins");
    }
    if (pieces.length === 0 || pieces.some((piece) => piece.length === 0)) this.fail(socket, "an empty write");
    if (socket.lent !== undefined) return this.#refuse(socket, "bytes are written while others are pending");
    if (socket.refuseWrite !== 0) {
      const refuse = socket.refuseWrite;
      socket.refuseWrite = 0;
      return refuse;
    }
    const all = joinBytes(pieces);
    if (socket.handedBack !== undefined && !beginsWith(all, socket.handedBack)) {
      this.fail(socket, "bytes that were handed back are not offered again");
    }
    socket.handedBack = undefined;
    socket.writes++;
    const limit = socket.take === Number.POSITIVE_INFINITY && this.dribble ? all.length >> 1 : socket.take;
    const taken = Math.min(all.length, limit);
    socket.take -= taken;
    this.written(socket, all.subarray(0, taken));
    if (taken < all.length) {
      socket.lent = all.subarray(taken);
      socket.lentPieces = behind(pieces, taken);
    }
    return taken;
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    const socket = this.find(handle);
    if (socket?.kind !== Kind.UDP || !socket.open) return this.#refuse(socket, "a datagram is sent on a closed socket");
    this.wire.bytes(address === "" ? `send ${socket.name}` : `send-to ${socket.name} ${address} ${port}`, data);
    const refuse = this.refuseSend;
    this.refuseSend = 0;
    return refuse === 0 ? data.length : refuse;
  }

  shutdown(handle: number): void {
    const socket = this.#stream(
      handle,
      "the end is reported of a stream that has none, or had it, or is being written",
    );
    if (socket === undefined) return;
    this.wire.line(`shutdown ${socket.name}`);
    socket.finished = true;
  }

  connectUdp(handle: number, address: string, port: number): number {
    const socket = this.find(handle);
    if (socket?.kind !== Kind.UDP || !socket.open) return this.#refuse(socket, "a peer is set on no open UDP socket");
    this.wire.line(`connect ${socket.name} ${address} ${port}`);
    const refuse = this.refuseConnect;
    this.refuseConnect = 0;
    return refuse;
  }

  startTls(handle: number, name: string): number {
    const socket = this.#stream(handle, "TLS is started on a stream that is not ready for it");
    if (socket === undefined) return Errors.ERR_HANDLE.value;
    this.wire.line(name === "" ? `start-tls ${socket.name}` : `start-tls ${socket.name} ${name}`);
    const refuse = this.refuseTls;
    this.refuseTls = 0;
    socket.securing = refuse === 0;
    return refuse;
  }

  tlsInfo(): undefined {}

  resolve(): Promise<Resolution> {
    return Promise.resolve({ error: Errors.ERR_UNSUPPORTED.value, addresses: [] });
  }

  read(handle: number, on: boolean): void {
    const socket = this.find(handle);
    if (socket === undefined || !socket.open || socket.kind === Kind.LISTENER || (socket.securing && !on)) {
      this.fail(socket, "reading is switched on a closed socket, or one that must be read");
      return;
    }
    this.wire.line(`read ${socket.name} ${on ? "on" : "off"}`);
    socket.reading = on;
  }

  close(handle: number, how: Close): void {
    const socket = this.find(handle);
    if (socket === undefined || !socket.open) {
      this.fail(socket, "a socket is closed that is not open");
      return;
    }
    this.wire.line(`close ${socket.name} ${how === Close.ORDERLY ? "orderly" : "abort"}`);
    forget(socket);
  }

  address(handle: number, which: AddressOf): string | number {
    const socket = this.find(handle);
    if (socket?.open !== true) return Errors.ERR_STATE.value;
    return which === 0 ? "192.0.2.1:50000" : socket.remote;
  }

  random(target: Uint8Array): void {
    if (target.length === 0 || target.length > 256) this.fault ||= "random bytes in a size outside 1 to 256";
    for (let at = 0; at < target.length; at++) target[at] = this.#random.shift() ?? this.#randomByte();
  }

  keep(): void {}

  isUp(): boolean {
    return true;
  }

  // ---- For the script

  /** The newest socket of a number: numbers may return. */
  find(handle: number): ScriptSocket | undefined {
    return this.#sockets.findLast((socket) => socket.handle === handle);
  }

  /** The socket of a name. */
  named(name: string): ScriptSocket | undefined {
    return this.#sockets.find((socket) => socket.name === name);
  }

  /** All sockets, in the order in which they were opened. */
  all(): readonly ScriptSocket[] {
    return this.#sockets;
  }

  /**
   * Names what `call` opens: it returns the handle, or an error, after which the name is free again.
   *
   * @throws Error if the name is taken.
   */
  opening(name: string, kind: Kind, call: () => number): number {
    if (this.named(name) !== undefined) throw new Error(`the name ${name} is taken`);
    const socket = newSocket(name, kind);
    if (kind === Kind.WS) socket.stream = new ClientStream(name, this.wire, (what) => this.fail(socket, what));
    this.#sockets.push(socket);
    this.#opening = socket;
    const handle = call();
    this.#opening = undefined;
    if (handle >= 0) socket.handle = handle;
    else this.#sockets.pop();
    return handle;
  }

  /** Forgets the newest name, of a handle that was closed. */
  forgetNewest(): void {
    this.#sockets.pop();
  }

  /** From now on there is a socket for the handle. */
  opened(socket: ScriptSocket, handle: number): void {
    forget(socket);
    socket.handle = handle;
    socket.open = true;
    socket.reading = true;
    socket.stream?.restart();
  }

  /** Names what a listener accepts: `call` returns the handle, or an error, after which the name is free again. */
  accepting(name: string, call: (register: (handle: number) => void) => void): void {
    if (this.named(name) !== undefined) throw new Error(`the name ${name} is taken`);
    const socket = newSocket(name, Kind.TCP);
    this.#sockets.push(socket);
    call((handle) => this.opened(socket, handle));
    if (socket.handle === -1) this.#sockets.splice(this.#sockets.indexOf(socket), 1);
  }

  /** A TCP connection is a WebSocket's server side from now on. */
  serve(socket: ScriptSocket): void {
    socket.stream = new ClientStream(socket.name, this.wire, (what) => this.fail(socket, what), true);
  }

  /** The bytes that are drawn next. */
  scriptRandom(bytes: Uint8Array): void {
    this.#random.push(...bytes);
  }

  /** Bytes of a socket's were written. */
  written(socket: ScriptSocket, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (socket.stream === undefined) this.wire.join(`write ${socket.name}`, bytes);
    else socket.stream.add(bytes);
  }

  /** Notes that the engine broke the contract. */
  fail(socket: ScriptSocket | undefined, what: string): void {
    this.fault ||= `${socket?.name ?? "an unknown handle"}: ${what}`;
  }

  /** A stream that can be ended or given TLS. */
  #stream(handle: number, fault: string): ScriptSocket | undefined {
    const socket = this.find(handle);
    const isStream = socket?.kind === Kind.TCP || socket?.kind === Kind.WS;
    if (isStream && socket.open && !socket.finished && !socket.securing && socket.lent === undefined) return socket;
    this.fail(socket, fault);
    return undefined;
  }

  #refuse(socket: ScriptSocket | undefined, what: string): number {
    this.fail(socket, what);
    return 0;
  }

  /** xorshift32: far from secure, and the same everywhere. */
  #randomByte(): number {
    let x = this.#seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#seed = x;
    return x >>> 24;
  }
}

/** The pieces without their first `size` bytes. */
function behind(pieces: readonly Uint8Array[], size: number): Uint8Array[] {
  let skip = size;
  return pieces.flatMap((piece) => {
    const rest = piece.subarray(Math.min(skip, piece.length));
    skip -= piece.length - rest.length;
    return rest.length > 0 ? [rest] : [];
  });
}
