/** Messages that wait to be sent: whole ones, and those that are given in fragments. */
import { type ErrorCode, SendFlag } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import { utf8Bytes, utf8Size } from "../../wasm/text.ts";
import { Waiter } from "../internal/waiting.ts";
import type { Connection } from "./connection.ts";

/** What is handed to the engine at once. */
export interface Piece {
  readonly data: string | Uint8Array;
  /** `SendFlag` bits. */
  readonly flags: number;
  /** Bytes of the application's that are done with when it is handed over. */
  readonly size: number;
}

/** Where messages wait: a `MessageSender`. */
export interface SendQueue {
  /** What an item waited for has happened. */
  changed(): void;
  /** An item can't be sent. */
  failed(item: QueuedMessage, cause: unknown, code?: ErrorCode): void;
}

/** A message that waits to be sent. */
export interface QueuedMessage {
  /** Bytes of the application's that are still to be sent. */
  readonly size: number;
  /** Whether a part of it has been handed over. */
  readonly begun: boolean;
  /** Whether the application has still to give the rest of it. */
  readonly isOpenEnded: boolean;
  /** The next piece, the same until it was handed over; `undefined`: it waits, and calls `SendQueue.changed`. */
  next(connection: Connection, queue: SendQueue): Piece | undefined;
  /** The piece was handed over. Returns whether it was the last. */
  handed(): boolean;
  /** The piece is too large: pieces may have so many bytes from now on. Returns whether that helps. */
  split(most: number): boolean;
  /** The connection for which it was made ready is gone. */
  connectionLost(): void;
  resolve(): void;
  reject(error: TwinwireError): void;
}

/** The bytes that it has when it is sent. */
export function sizeOf(data: string | Uint8Array | Blob): number {
  if (typeof data === "string") return utf8Size(data);
  return data instanceof Blob ? data.size : data.length;
}

/** Bytes in which a message can be cut anywhere. */
function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? utf8Bytes(data) : data;
}

/** How a message, or a fragment of one, is sent. */
export interface Framing {
  readonly text: boolean;
  /** Whether it may be compressed, where that was negotiated. */
  readonly compress: boolean;
  /** Whether it is a fragment: the first that is not final, and all up to the final one. */
  readonly part: boolean;
  readonly final: boolean;
}

export const WHOLE_TEXT: Framing = { text: true, compress: true, part: false, final: true };
export const WHOLE_BINARY: Framing = { text: false, compress: true, part: false, final: true };

/** The flags that the engine takes. */
export function flagsOf({ text, part, final }: Framing): number {
  const kind = text ? SendFlag.TEXT : SendFlag.BINARY;
  return kind | (part ? SendFlag.PART : 0) | (part && !final ? SendFlag.MORE : 0);
}

/** A message, or a fragment of one, that is known from the start; but for a Blob, which has to be read first. */
export class WholeMessage implements QueuedMessage {
  readonly isOpenEnded = false;
  readonly #framing: Framing;
  readonly #settled: ((error: TwinwireError | undefined) => void) | undefined;
  #data: string | Uint8Array | undefined;
  #blob: Blob | undefined;
  #asked = false;
  #compressed: Uint8Array | undefined;
  #size: number;
  #most = 0;
  #at = 0;
  #piece: Piece | undefined;

  /** `settled` is called once: when the engine has taken all of it, or with why it never will. */
  constructor(
    data: string | Uint8Array | Blob,
    framing: Framing,
    settled?: (error: TwinwireError | undefined) => void,
  ) {
    this.#framing = framing;
    this.#settled = settled;
    if (data instanceof Blob) {
      this.#blob = data;
      this.#size = data.size;
      return;
    }
    this.#data = data;
    this.#size = sizeOf(data);
  }

  get size(): number {
    return this.#size;
  }

  get begun(): boolean {
    return this.#at > 0;
  }

  next(connection: Connection, queue: SendQueue): Piece | undefined {
    if (this.#piece !== undefined) return this.#piece;
    if (this.#data === undefined) {
      if (this.#blob !== undefined) this.#readBlob(this.#blob, queue);
      return undefined;
    }
    if (this.#compressed === undefined && this.#at === 0 && this.#mayCompress(connection, this.#data)) {
      this.#compress(bytesOf(this.#data), connection, queue);
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
    return this.#at >= (this.#compressed ?? this.#data ?? "").length;
  }

  split(most: number): boolean {
    if (this.#data === undefined || (this.#most > 0 && this.#most <= most)) return false;
    this.#most = most;
    this.#piece = undefined;
    if (this.#compressed === undefined) this.#data = bytesOf(this.#data);
    return true;
  }

  connectionLost(): void {
    this.#compressed = undefined;
    this.#piece = undefined;
    this.#most = 0;
    this.#asked = false;
  }

  resolve(): void {
    this.#settled?.(undefined);
  }

  reject(error: TwinwireError): void {
    this.#settled?.(error);
  }

  #mayCompress(connection: Connection, data: string | Uint8Array): boolean {
    const { compress, part } = this.#framing;
    return compress && !part && connection.compresses(data);
  }

  #cut(data: string | Uint8Array): Piece {
    const compressed = this.#compressed === undefined ? 0 : SendFlag.COMPRESSED;
    const flags = flagsOf(this.#framing) | compressed;
    if (this.#most === 0 || typeof data === "string") return { data, flags, size: this.#size };
    const end = Math.min(data.length, this.#at + this.#most);
    const last = end === data.length;
    const more = !last || (flags & SendFlag.MORE) !== 0;
    const size = last ? this.#size : compressed === 0 ? end - this.#at : 0;
    const part = (flags & ~SendFlag.MORE) | SendFlag.PART;
    return { data: data.subarray(this.#at, end), flags: part | (more ? SendFlag.MORE : 0), size };
  }

  #readBlob(blob: Blob, queue: SendQueue): void {
    if (this.#asked) return;
    this.#asked = true;
    blob.arrayBuffer().then(
      (buffer) => {
        this.#data = new Uint8Array(buffer);
        queue.changed();
      },
      (cause: unknown) => queue.failed(this, cause),
    );
  }

  #compress(data: Uint8Array, connection: Connection, queue: SendQueue): void {
    if (this.#asked && this.#blob === undefined) return;
    this.#asked = true;
    this.#blob = undefined;
    connection.compress(data, (result, cause) => {
      if (typeof result === "string") {
        queue.failed(this, cause);
        return;
      }
      this.#compressed = result;
      queue.changed();
    });
  }
}

interface Chunk {
  readonly data: string | Uint8Array;
  readonly final: boolean;
  readonly waiter: Waiter<void> | undefined;
}

/** A message that is given fragment by fragment. What is sent behind it waits until it is whole. */
export class FragmentedMessage implements QueuedMessage {
  readonly isOpenEnded = true;
  begun = false;
  #text: boolean | undefined;
  #chunks: Chunk[] = [];
  #size = 0;
  #error: TwinwireError | undefined;
  readonly #over = new Waiter<never>();

  constructor() {
    this.#over.promise.catch(() => {});
  }

  /** Rejected if it is given up, also while no one waits for a fragment to be taken. */
  get over(): Promise<never> {
    return this.#over.promise;
  }

  get size(): number {
    return this.#size;
  }

  /** Whether it was given up. */
  get isOver(): boolean {
    return this.#error !== undefined;
  }

  /** What its first fragment was; `undefined` without one. */
  get isText(): boolean | undefined {
    return this.#text;
  }

  /** Gives a fragment. Settled when it was handed over. To be followed by `SendQueue.changed`. */
  give(data: string | Uint8Array, final: boolean): Promise<void> {
    const waiter = new Waiter<void>();
    if (this.#error !== undefined) {
      waiter.reject(this.#error);
      return waiter.promise;
    }
    this.#text ??= typeof data === "string";
    const mine = typeof data === "string" ? data : new Uint8Array(data);
    this.#chunks.push({ data: mine, final, waiter });
    this.#size += sizeOf(mine);
    return waiter.promise;
  }

  next(): Piece | undefined {
    const [chunk] = this.#chunks;
    if (chunk === undefined) return undefined;
    const flags = SendFlag.PART | (chunk.final ? 0 : SendFlag.MORE) | (this.#text ? SendFlag.TEXT : SendFlag.BINARY);
    return { data: chunk.data, flags, size: sizeOf(chunk.data) };
  }

  handed(): boolean {
    const chunk = this.#chunks.shift() as Chunk;
    this.begun = true;
    this.#size -= sizeOf(chunk.data);
    chunk.waiter?.resolve();
    return chunk.final;
  }

  split(most: number): boolean {
    const [chunk] = this.#chunks;
    if (chunk === undefined || chunk.data.length <= most) return false;
    const bytes = bytesOf(chunk.data);
    const parts: Chunk[] = [];
    for (let at = 0; at < bytes.length; at += most) {
      const last = at + most >= bytes.length;
      const waiter = last ? chunk.waiter : undefined;
      parts.push({ data: bytes.subarray(at, at + most), final: last && chunk.final, waiter });
    }
    this.#chunks.splice(0, 1, ...parts);
    return true;
  }

  connectionLost(): void {}

  resolve(): void {}

  reject(error: TwinwireError): void {
    this.#error = error;
    this.#over.reject(error);
    for (const { waiter } of this.#chunks) waiter?.reject(error);
    this.#chunks = [];
    this.#size = 0;
  }
}
