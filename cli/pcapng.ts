/**
 * A trace as pcapng, for Wireshark: packets with made-up headers around the bytes that passed. A connection is TCP from
 * 10.0.0.1 to its peer, a literal IPv4 address or 10.1.0.N; timestamps are those of the trace. A connection that was accepted
 * has the port of its listener.
 */
import type { TraceLine } from "../wasm/trace/lines.ts";

const MTU = 65_495;
const Flags = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

interface End {
  readonly address: readonly number[];
  readonly port: number;
  sequence: number;
}

/** A connection of the trace. */
interface Flow {
  readonly index: number;
  readonly local: End;
  readonly peer: End;
}

/** The bytes of a trace's text. */
export function bytesOf(text: string): Buffer {
  return text.startsWith("x:") ? Buffer.from(text.slice(2), "hex") : Buffer.from(text, "latin1");
}

/** Makes a pcapng file of the lines of a trace. */
export class PcapNg {
  readonly #blocks: Buffer[] = [];
  readonly #flows = new Map<string, Flow>();
  #ms = 0;
  /** When the first line was recorded, as far as the trace says so: milliseconds since 1970. */
  #began = 0;
  #packets = 0;

  constructor() {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(0x1a2b3c4d, 0);
    header.writeUInt16LE(1, 4);
    header.writeBigInt64LE(-1n, 8);
    this.#block(0x0a0d0d0a, header);
    const description = Buffer.alloc(8);
    description.writeUInt16LE(101, 0); /* LINKTYPE_RAW: packets begin with the IP header */
    this.#block(1, description);
  }

  /** How many packets it has. */
  get packets(): number {
    return this.#packets;
  }

  /** The file. */
  get bytes(): Buffer {
    return Buffer.concat(this.#blocks);
  }

  add(line: TraceLine): void {
    this.#ms = line.ms ?? this.#ms;
    if (line.began !== undefined) this.#began = Date.parse(line.began);
    if (line.call?.[0] === "udp-send" && typeof line.result === "number") this.#sent(line.call);
    const [word, name, ...rest] = line.host ?? line.wire ?? [];
    if (typeof word !== "string" || typeof name !== "string") return;
    if (line.wire !== undefined) this.#wire(word, name, rest, line);
    else this.#host(word, name, rest);
  }

  #wire(word: string, name: string, rest: readonly (string | number)[], line: TraceLine): void {
    if (word === "open") this.#flow(name, String(rest[0] ?? ""), Number(rest[1] ?? 0));
    const flow = this.#flow(name);
    if (word === "write") this.#data(flow.local, flow.peer, bytesOf(line.bytes ?? ""));
    if (word === "shutdown") this.#segment(flow.local, flow.peer, Flags.FIN | Flags.ACK);
    if (word === "close") this.#segment(flow.local, flow.peer, rest[0] === "abort" ? Flags.RST : Flags.FIN | Flags.ACK);
  }

  #host(word: string, name: string, rest: readonly (string | number)[]): void {
    if (word === "accepted") {
      const flow = this.#flow(String(rest[0]), "", 0, this.#flow(name).peer.port);
      this.#handshake(flow.peer, flow.local);
      return;
    }
    const flow = this.#flow(name);
    if (word === "connected") this.#handshake(flow.local, flow.peer);
    if (word === "rx") this.#data(flow.peer, flow.local, bytesOf(String(rest[0] ?? "")));
    if (word === "ended") this.#segment(flow.peer, flow.local, Flags.FIN | Flags.ACK);
    if (word === "closed") this.#segment(flow.peer, flow.local, Flags.RST);
    if (word === "datagram") {
      const from: End = { address: ipv4(String(rest[1])) ?? flow.peer.address, port: Number(rest[2]), sequence: 0 };
      this.#datagram(from, flow.local, bytesOf(String(rest[0] ?? "")));
    }
  }

  #flow(name: string, host?: string, port = 0, listening = 0): Flow {
    const known = this.#flows.get(name);
    if (known !== undefined && host === undefined) return known;
    const index = known?.index ?? this.#flows.size + 1;
    const own = 49_151 + index;
    const flow: Flow = {
      index,
      local: { address: [10, 0, 0, 1], port: listening || own, sequence: 0 },
      peer: { address: ipv4(host ?? "") ?? [10, 1, index >> 8, index & 255], port: port || own, sequence: 0 },
    };
    this.#flows.set(name, flow);
    return flow;
  }

  #handshake(from: End, to: End): void {
    this.#segment(from, to, Flags.SYN);
    this.#segment(to, from, Flags.SYN | Flags.ACK);
    this.#segment(from, to, Flags.ACK);
  }

  #data(from: End, to: End, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += MTU)
      this.#segment(from, to, Flags.PSH | Flags.ACK, bytes.subarray(at, at + MTU));
  }

  #segment(from: End, to: End, flags: number, data: Buffer = Buffer.alloc(0)): void {
    const tcp = Buffer.alloc(20);
    tcp.writeUInt16BE(from.port, 0);
    tcp.writeUInt16BE(to.port, 2);
    tcp.writeUInt32BE(from.sequence >>> 0, 4);
    tcp.writeUInt32BE(flags & Flags.ACK ? to.sequence >>> 0 : 0, 8);
    tcp.writeUInt8(5 << 4, 12);
    tcp.writeUInt8(flags, 13);
    tcp.writeUInt16BE(65_535, 14);
    from.sequence += data.length + (flags & (Flags.SYN | Flags.FIN) ? 1 : 0);
    this.#packet(from, to, 6, Buffer.concat([tcp, data]));
  }

  #sent([, name, host = "", port, bytes = ""]: readonly (string | number)[]): void {
    const { local, peer } = this.#flow(`${name}`);
    const to: End = { address: ipv4(`${host}`) ?? peer.address, port: Number(port), sequence: 0 };
    this.#datagram(local, to, bytesOf(`${bytes}`));
  }

  #datagram(from: End, to: End, data: Buffer): void {
    const header = Buffer.alloc(8);
    header.writeUInt16BE(from.port, 0);
    header.writeUInt16BE(to.port, 2);
    header.writeUInt16BE(8 + data.length, 4);
    this.#packet(from, to, 17, Buffer.concat([header, data]));
  }

  #packet(from: End, to: End, protocol: number, payload: Buffer): void {
    const ip = Buffer.alloc(20);
    ip.writeUInt8(0x45, 0);
    ip.writeUInt16BE(20 + payload.length, 2);
    ip.writeUInt8(64, 8);
    ip.writeUInt8(protocol, 9);
    ip.set(from.address, 12);
    ip.set(to.address, 16);
    let sum = 0;
    for (let at = 0; at < 20; at += 2) sum += ip.readUInt16BE(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    ip.writeUInt16BE(~sum & 0xffff, 10);
    const size = 20 + payload.length;
    const head = Buffer.alloc(20);
    const micros = BigInt(this.#began + this.#ms) * 1000n;
    head.writeUInt32LE(Number(micros >> 32n), 4);
    head.writeUInt32LE(Number(micros & 0xffff_ffffn), 8);
    head.writeUInt32LE(size, 12);
    head.writeUInt32LE(size, 16);
    this.#packets++;
    this.#block(6, Buffer.concat([head, ip, payload, Buffer.alloc(-size & 3)]));
  }

  /** A block of the file: type, total length, body, total length. */
  #block(type: number, body: Buffer): void {
    const head = Buffer.alloc(8);
    const length = 12 + body.length;
    head.writeUInt32LE(type, 0);
    head.writeUInt32LE(length, 4);
    const tail = Buffer.alloc(4);
    tail.writeUInt32LE(length, 0);
    this.#blocks.push(head, body, tail);
  }
}

function ipv4(text: string): number[] | undefined {
  const parts = text.split(".").map(Number);
  return parts.length === 4 && parts.every((it) => it >= 0 && it < 256) ? parts : undefined;
}
