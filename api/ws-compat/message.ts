import { SendFlag } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { utf8Bytes, utf8Size } from "../../wasm/text.ts";
import type { Link } from "../websocket/link.ts";
import type { Outbound } from "../websocket/outbound.ts";
import type { Outgoing, Piece } from "../websocket/outgoing.ts";

/** How a message, or a fragment of one, is sent. */
export interface Framing {
  readonly text: boolean;
  /** Whether it may be compressed, where that was agreed upon. */
  readonly compress: boolean;
  /** Whether it is a fragment: the first that is not final, and all up to the final one. */
  readonly part: boolean;
  readonly final: boolean;
}

/** The flags that the engine takes. */
export function flagsOf({ text, part, final }: Framing): number {
  const kind = text ? SendFlag.TEXT : SendFlag.BINARY;
  return kind | (part ? SendFlag.PART : 0) | (part && !final ? SendFlag.MORE : 0);
}

/** What `send` was given and could not go out at once. `done` is called once, when the engine has taken all of it. */
export class Message implements Outgoing {
  readonly isOpenEnded = false;
  readonly #framing: Framing;
  readonly #done: (error?: Error) => void;
  #data: string | Uint8Array;
  #at = 0;
  #most = 0;
  #asked = false;
  #compressed: Uint8Array | undefined;
  #size: number;
  #piece: Piece | undefined;

  constructor(data: string | Uint8Array, framing: Framing, done: (error?: Error) => void) {
    this.#data = data;
    this.#framing = framing;
    this.#done = done;
    this.#size = typeof data === "string" ? utf8Size(data) : data.length;
  }

  get size(): number {
    return this.#size;
  }

  get begun(): boolean {
    return this.#at > 0;
  }

  next(link: Link, outbound: Outbound): Piece | undefined {
    if (this.#piece !== undefined) return this.#piece;
    if (this.#compressed === undefined && this.#at === 0 && this.#mayCompress(link)) {
      this.#compress(link, outbound);
      return undefined;
    }
    this.#piece = this.#cut(this.#compressed ?? this.#data);
    return this.#piece;
  }

  handed(): boolean {
    const { data, size } = this.#piece as Piece;
    this.#size -= size;
    this.#at += Math.max(1, data.length);
    this.#piece = undefined;
    return this.#at >= (this.#compressed ?? this.#data).length;
  }

  split(most: number): boolean {
    if (this.#most > 0 && this.#most <= most) return false;
    this.#most = most;
    this.#piece = undefined;
    if (typeof this.#data === "string" && this.#compressed === undefined) this.#data = utf8Bytes(this.#data);
    return true;
  }

  connectionLost(): void {}

  resolve(): void {
    this.#done();
  }

  reject(error: TwinwireError): void {
    this.#done(error);
  }

  #mayCompress(link: Link): boolean {
    const { compress, part } = this.#framing;
    return compress && !part && link.compresses(this.#data);
  }

  #cut(data: string | Uint8Array): Piece {
    const flags = flagsOf(this.#framing) | (this.#compressed === undefined ? 0 : SendFlag.COMPRESSED);
    if (this.#most === 0 || typeof data === "string") return { data, flags, size: this.#size };
    const end = Math.min(data.length, this.#at + this.#most);
    const last = end === data.length;
    const more = !last || (this.#framing.part && !this.#framing.final);
    const size = last ? this.#size : this.#compressed === undefined ? end - this.#at : 0;
    const part = flags & ~SendFlag.MORE;
    return { data: data.subarray(this.#at, end), flags: part | SendFlag.PART | (more ? SendFlag.MORE : 0), size };
  }

  #compress(link: Link, outbound: Outbound): void {
    if (this.#asked) return;
    this.#asked = true;
    const bytes = typeof this.#data === "string" ? utf8Bytes(this.#data) : this.#data;
    link.compress(bytes, (result, cause) => {
      if (typeof result === "string") {
        outbound.failed(this, cause);
        return;
      }
      this.#compressed = result;
      outbound.changed();
    });
  }
}
