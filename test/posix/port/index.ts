/** The POSIX host as a `Port`: a module of Node in C (port.c), with the options and numbers of adapters/port.ts. */
import { X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type {
  Clock,
  Pem,
  Port,
  PortEvents,
  PortMemory,
  Resolution,
  SocketOptions,
  TlsInfo,
  TlsOptions,
  UdpOption,
} from "../../../adapters/port.ts";
import { errorName } from "../../../cli/conformance/events.ts";
import { type AddressOf, type Close, Errors, SocketKind } from "../../../wasm/abi.gen.ts";
import type { Tool } from "../../support/child.ts";
import { findTool } from "../../support/child.ts";
import { root, runToEnd } from "../build.ts";

const FOREVER = 0xffffffff;
const MS = 1000;
/** Numbers of tw_option in net.h. */
const Option = { noDelay: 1, broadcast: 4, multicastTtl: 5, multicastLoop: 6 } as const;

/** The functions that calls.c and port.c export. */
interface Module {
  start(deliver: (what: string, handle: number, a?: number, b?: string) => boolean | undefined): ArrayBuffer;
  open(kind: number, name: string, port: number, reuse: boolean): number;
  write(handle: number, pieces: readonly Uint8Array[]): number;
  sendTo(handle: number, address: string, port: number, data: Uint8Array): number;
  shutdown(handle: number): void;
  connect(handle: number, address: string, port: number): number;
  startTls(handle: number, name: string, options: object): number;
  checkTls(options: object, server: boolean): number;
  tlsInfo(handle: number): string | number;
  tlsReason(): string;
  read(handle: number, on: boolean): void;
  close(handle: number, how: number): void;
  address(handle: number, which: number): string | number;
  random(target: Uint8Array): void;
  wake(ms: number): void;
  later(): void;
  now(): number;
  setRoom(bytes: number): void;
  setKeepAlive(handle: number, seconds: number): void;
  setOption(handle: number, option: number, value: number): number;
  setGroup(handle: number, group: string, name: string, on: boolean): number;
}

const headers = join(dirname(process.execPath), "../include/node");

/** What it takes to build the module: a C compiler, OpenSSL and the headers of this Node. */
export function moduleTools(): Tool {
  const needed = [join(headers, "node_api.h"), join(headers, "uv.h"), "openssl/ssl.h"];
  const args = ["-fsyntax-only", ...needed.flatMap((it) => ["-include", it]), "-x", "c", "/dev/null"];
  return { ...findTool("libssl-dev", ["cc"], args), from: "libssl-dev, and gcc and the headers of Node beside it" };
}

/** Compiles the host and the module, and loads it. Once for a process: it is one loop. */
export async function loadModule(): Promise<Module> {
  const folder = join(root, "build/posix-port");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "port.node");
  const paths = [headers, "core-c/include", "core-c", "c/include", "c/src", "adapters/posix", "adapters/posix/include"];
  const files =
    "address alarm connect current epoll errors linger listen log loop memory options port resolve stream table timers udp deflate_none";
  const sources = [
    ...files.split(" ").map((name) => `adapters/posix/${name}.c`),
    ...readdirSync(join(root, "adapters/posix/tls"))
      .filter((name) => name.endsWith(".c"))
      .map((name) => `adapters/posix/tls/${name}`),
    "c/src/texts.c",
    ...["calls", "core", "deliver", "port"].map((name) => `test/posix/port/${name}.c`),
  ];
  await runToEnd("flock", [
    `${program}.lock`,
    ...[
      "cc",
      "-std=gnu11",
      "-O1",
      "-g",
      "-shared",
      "-fPIC",
      "-D_GNU_SOURCE",
      "-fvisibility=hidden",
      "-Wall",
      "-Wextra",
      "-Werror",
    ],
    ...["-pthread", ...paths.map((path) => `-I${path}`), ...sources, "-lssl", "-lcrypto", "-o", program],
  ]);
  return createRequire(import.meta.url)(program) as Module;
}

/** The ports by the handles of the module, and the handles that they have for them. */
type Owners = Map<number, { readonly port: PosixPort; readonly handle: number }>;

/** Makes the ports of one module. */
export function portsOf(module: Module): () => Port {
  const owners: Owners = new Map();
  const clock: { owner: PosixPort | undefined } = { owner: undefined };
  const memory = new Uint8Array(
    module.start((what, native, a = 0, b = "") => {
      if (what === "wake" || what === "later") {
        clock.owner?.deliver[what]();
        return undefined;
      }
      const owner = owners.get(native);
      return owner?.port.take(what, owner.handle, a, b, native);
    }),
  );
  return () => new PosixPort(module, owners, memory, clock);
}

class PosixPort implements Port {
  readonly name = "posix";
  readonly clock: Clock;
  cause: unknown;
  readonly #module: Module;
  readonly #owners: Owners;
  readonly #received: Uint8Array;
  readonly #natives = new Map<number, number>();
  #deliver: PortEvents | undefined;
  #memory: PortMemory | undefined;

  constructor(module: Module, owners: Owners, received: Uint8Array, clock: { owner: PosixPort | undefined }) {
    this.#module = module;
    this.#owners = owners;
    this.#received = received;
    this.clock = {
      now: () => module.now(),
      wake: (ms) => {
        clock.owner = this;
        module.wake(ms === FOREVER ? FOREVER : ms);
      },
      later: () => {
        clock.owner = this;
        module.later();
      },
      keep: () => {},
    };
  }

  get deliver(): PortEvents {
    if (this.#deliver === undefined) throw new Error("nothing is attached");
    return this.#deliver;
  }

  attach(deliver: PortEvents, memory: PortMemory): void {
    this.#deliver = deliver;
    this.#memory = memory;
    this.#module.setRoom(memory.received.length);
  }

  /** A delivery of the host. */
  take(what: string, handle: number, a: number, b: string, native: number): boolean | undefined {
    const { deliver } = this;
    const put = (size: number): void => this.#memory?.received.set(this.#received.subarray(0, size));
    switch (what) {
      case "accepted":
        return deliver.accepted(handle, (accepted) => this.#own(accepted, a));
      case "received":
        put(a);
        deliver.received(handle, a);
        return undefined;
      case "datagram": {
        const [address = "", port] = b.split(" ");
        put(a);
        deliver.datagram(handle, a, address, Number(port));
        return undefined;
      }
      case "written":
        deliver.written(handle, a);
        return undefined;
      case "closed":
        this.#owners.delete(native);
        this.#natives.delete(handle);
        deliver.closed(handle, a, this.#error(a));
        return undefined;
      case "failed":
        deliver.failed(handle, a, this.#error(a));
        return undefined;
      case "connected":
        deliver.connected(handle);
        return undefined;
      case "secured":
        deliver.secured(handle);
        return undefined;
      default:
        deliver.ended(handle);
        return undefined;
    }
  }

  open(handle: number, kind: SocketKind, name: string, port: number, options: SocketOptions, tls?: TlsOptions): number {
    const isServer = kind === SocketKind.TCP_LISTENER || kind === SocketKind.UNIX_LISTENER;
    const refused = tls === undefined ? 0 : this.#module.checkTls(flat(tls), isServer);
    if (refused !== 0) return this.#fail(refused);
    const reuse = options.reuseAddress === true || options.reusePort === true;
    const native = this.#module.open(kind, name, port, reuse);
    if (native < 0) return this.#fail(native);
    this.#own(handle, native);
    const { keepAlive = false } = options;
    const idleMs = typeof keepAlive === "object" ? keepAlive.initialDelayMs : MS;
    if (keepAlive !== false) this.#module.setKeepAlive(native, Math.ceil(idleMs / MS));
    return 0;
  }

  write(handle: number, pieces: readonly Uint8Array[]): number {
    return this.#module.write(this.#native(handle), pieces);
  }

  sendTo(handle: number, address: string, port: number, data: Uint8Array): number {
    return this.#fail(this.#module.sendTo(this.#native(handle), address, port, data));
  }

  shutdown(handle: number): void {
    this.#module.shutdown(this.#native(handle));
  }

  connectUdp(handle: number, address: string, port: number): number {
    return this.#fail(this.#module.connect(this.#native(handle), address, port));
  }

  /** A group's interface is where the socket sends to as well: net.h has no option of its own for that. */
  setUdpOption(handle: number, option: UdpOption): number {
    const native = this.#native(handle);
    const { setGroup, setOption } = this.#module;
    if ("join" in option) return this.#fail(setGroup(native, option.join, option.interface ?? "", true));
    if ("leave" in option) return this.#fail(setGroup(native, option.leave, option.interface ?? "", false));
    if ("broadcast" in option) return this.#fail(setOption(native, Option.broadcast, Number(option.broadcast)));
    if ("multicastTtl" in option) return this.#fail(setOption(native, Option.multicastTtl, option.multicastTtl));
    if ("multicastLoopback" in option)
      return this.#fail(setOption(native, Option.multicastLoop, Number(option.multicastLoopback)));
    return Errors.ERR_UNSUPPORTED.value;
  }

  startTls(handle: number, name: string, options: TlsOptions): number {
    return this.#fail(this.#module.startTls(this.#native(handle), name, flat(options)));
  }

  checkTls(options: TlsOptions): number {
    return this.#fail(this.#module.checkTls(flat(options), true));
  }

  tlsInfo(handle: number): TlsInfo | undefined {
    const found = this.#module.tlsInfo(this.#native(handle));
    if (typeof found === "number") return undefined;
    const [alpn = "", protocol = "", cipher = "", peerFingerprint = "", authorized] = found.split("\n");
    return { alpn, protocol, cipher, peerFingerprint, authorized: authorized === "1" };
  }

  /** port.h has no look-up apart from a connection: tw_resolve of conn.h is one of the calls that wait. */
  resolve(): Promise<Resolution> {
    return Promise.resolve({ error: Errors.ERR_UNSUPPORTED.value, addresses: [] });
  }

  read(handle: number, on: boolean): void {
    this.#module.read(this.#native(handle), on);
  }

  close(handle: number, how: Close): void {
    const native = this.#native(handle);
    this.#module.close(native, how);
    this.#owners.delete(native);
    this.#natives.delete(handle);
  }

  address(handle: number, which: AddressOf): string | number {
    return this.#module.address(this.#native(handle), which);
  }

  random(target: Uint8Array): void {
    this.#module.random(target);
  }

  keep(): void {}

  isUp(): boolean {
    return true;
  }

  /** The number that the host has for a handle; 0: none. */
  #native(handle: number): number {
    return this.#natives.get(handle) ?? 0;
  }

  #own(handle: number, native: number): void {
    this.#natives.set(handle, native);
    this.#owners.set(native, { port: this, handle });
  }

  /** Keeps what was reported of an error. */
  #fail(result: number): number {
    if (result < 0) this.cause = this.#error(result);
    return result;
  }

  #error(code: number): Error {
    const name = errorName(code) ?? `${code}`;
    return new Error(name.startsWith("ERR_TLS") ? `${name}: ${this.#module.tlsReason()}` : name);
  }
}

/** Certificates as C takes them: PEM. */
function pemOf(value: Pem | readonly Pem[] | undefined): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  if (!(value instanceof Uint8Array)) return value.map(pemOf).join("\n");
  const isDer = value[0] === 0x30;
  return isDer ? new X509Certificate(value).toString() : Buffer.from(value).toString();
}

/** Options as texts and flags. An empty pin, which C refuses, is one that no certificate has. */
function flat(options: TlsOptions): object {
  return {
    ...{ ca: pemOf(options.ca), cert: pemOf(options.cert), key: pemOf(options.key), passphrase: options.passphrase },
    ...{ servername: options.servername, pin: options.pin === "" ? "00".repeat(32) : options.pin },
    ...{ acceptAny: options.rejectUnauthorized === false, requestCert: options.requestCert === true },
    ...{ alpn: options.alpn?.join(","), tls13Only: options.minVersion === "TLSv1.3" },
  };
}
