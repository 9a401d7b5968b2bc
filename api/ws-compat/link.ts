import { Buffer } from "node:buffer";
import { EventFlag } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { Link, type LinkOptions, type LinkOwner } from "../websocket/link.ts";

/** Whom a connection tells of what happens, with what `ws` tells besides. */
export interface CompatOwner extends LinkOwner {
  linkPinged(data: Buffer): void;
  linkPonged(data: Buffer): void;
  /** The peer's close frame came. */
  linkCloseFrame(code: number, reason: Buffer): void;
}

/** A connection that tells of pings, of the bytes of pongs, and of the close frame itself. */
export class CompatLink extends Link {
  readonly #to: CompatOwner;
  /** The answer to the handshake as far as it was read. */
  head = "";

  constructor(engine: Engine, address: string, owner: CompatOwner, options: LinkOptions) {
    super(engine, address, owner, options);
    this.#to = owner;
  }

  override httpHead(at: number, size: number, flags: number, code: number): void {
    const before = (flags & EventFlag.FIRST) === 0 ? this.head : "";
    this.head = before + this.engine.memory.ascii(at, size);
    super.httpHead(at, size, flags, code);
  }

  override ping(at: number, size: number): void {
    this.#to.linkPinged(this.#bytes(at, size));
  }

  override pong(at: number, size: number): void {
    this.#to.linkPonged(this.#bytes(at, size));
  }

  override closing(code: number, at: number, size: number): void {
    this.#to.linkCloseFrame(code, this.#bytes(at, size));
    super.closing(code, at, size);
  }

  #bytes(at: number, size: number): Buffer {
    const bytes = this.engine.memory.separate(at, size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }
}
