import { type ErrorCode, EventFlag } from "../../wasm/abi.gen.ts";
import type { Engine } from "../../wasm/engine.ts";
import { Joiner } from "../../wasm/parts.ts";
import type { ReceivedBytes } from "../../wasm/port-types.ts";
import { strictUtf8Text } from "../../wasm/text.ts";
import type { Codec } from "./deflate.ts";

const WHOLE = EventFlag.FIRST | EventFlag.FINAL;

/** Bytes of messages that are received ahead of those who read them. */
export const WINDOW = 65_536;

/** RFC 6455 7.4.1: what a connection is closed with whose messages are broken. RFC 7692 leaves that to us. */
export function closeCodeOf(code: ErrorCode): number {
  return code === "ERR_WS_TOO_BIG" ? 1009 : 1007;
}

/** A message that is whole, out of the core's memory and inflated. */
export interface ReceivedMessage {
  readonly bytes: ReceivedBytes;
  /** `EventFlag` bits: TEXT, ASCII. */
  readonly flags: number;
  /** The text, where it had to be decoded already to see whether it is UTF-8. */
  readonly text: string | undefined;
  /** Bytes that are still to be reported as consumed. */
  readonly credit: number;
}

/** Whose messages they are. */
export interface MessageSink {
  readonly engine: Engine;
  readonly handle: number;
  /** Whether it takes another message now; if not, it calls `MessageReceiver.resume` later. */
  hasRoom(): boolean;
  take(message: ReceivedMessage): void;
  /** What came is no message: ERR_WS_DEFLATE, ERR_WS_UTF8, ERR_WS_TOO_BIG. Nothing more is delivered. */
  broken(code: ErrorCode, cause: unknown): void;
}

interface Waiting {
  readonly bytes: ReceivedBytes;
  readonly flags: number;
  readonly credit: number;
}

/**
 * Makes whole messages of their parts, in order, also where some are compressed and others are not. While one is being
 * inflated those behind it wait, and as they are not consumed, the core stops reading at its window.
 */
export class MessageReceiver {
  readonly #sink: MessageSink;
  readonly #maxMessage: number;
  readonly #codec: Codec | undefined;
  #joiner: Joiner | undefined;
  #queue: (Waiting | (() => void))[] = [];
  #inflating = false;
  #held = false;
  #broken = false;
  #ended = false;

  /** `maxMessage`: bytes that a message may inflate to. */
  constructor(sink: MessageSink, maxMessage: number, codec: Codec | undefined) {
    this.#sink = sink;
    this.#maxMessage = maxMessage;
    this.#codec = codec;
  }

  /** Whether a part is all of a message. */
  static isWhole(flags: number): boolean {
    return (flags & (WHOLE | EventFlag.COMPRESSED)) === WHOLE;
  }

  /** Whether a part is all of a message that could be delivered at once, from where it lies. */
  isDirect(flags: number): boolean {
    return MessageReceiver.isWhole(flags) && this.#queue.length === 0 && !this.#held;
  }

  /** A part has come. */
  add(at: number, size: number, flags: number): void {
    if (this.#broken) return;
    const { engine, handle } = this.#sink;
    if ((flags & WHOLE) === WHOLE) {
      this.#push({ bytes: engine.memory.copy(at, size), flags, credit: size });
      return;
    }
    if ((flags & EventFlag.FIRST) !== 0) this.#joiner = new Joiner();
    const joiner = this.#joiner;
    if (joiner === undefined) return;
    joiner.add(engine.memory.view(at, size), (flags & EventFlag.ASCII) !== 0);
    if ((flags & EventFlag.FINAL) === 0) {
      /* A message that is larger than the window has to go on coming; maxMessage bounds what is held. */
      engine.consumed(handle, size);
      return;
    }
    this.#joiner = undefined;
    const ascii = joiner.ascii ? EventFlag.ASCII : 0;
    this.#push({ bytes: joiner.take(), flags: (flags & ~EventFlag.ASCII) | ascii, credit: size });
  }

  /** Calls `run` behind all messages that have come. */
  after(run: () => void): void {
    this.#queue.push(run);
    this.#pump();
  }

  /** MessageReceiver wait from now on. */
  hold(): void {
    this.#held = true;
  }

  /** Delivers messages again, and those that waited. */
  release(): void {
    this.#held = false;
    this.#pump();
  }

  /** The sink has room. */
  resume(): void {
    this.#pump();
  }

  /** No further part will come. What waits is delivered as soon as it is inflated; it is little more than a window. */
  end(): void {
    this.#joiner = undefined;
    this.#ended = true;
    this.#pump();
  }

  /** Gives back what inflating took. */
  close(): void {
    this.#codec?.close();
  }

  /** Nothing is delivered any more but what `after` received. */
  drop(): void {
    this.#broken = true;
    this.#joiner = undefined;
    this.#queue = this.#queue.filter((entry) => typeof entry === "function");
    this.#inflating = false;
    this.#pump();
  }

  #push(message: Waiting): void {
    this.#queue.push(message);
    this.#pump();
  }

  #pump(): void {
    while (!this.#inflating && !this.#held) {
      const [entry] = this.#queue;
      if (entry === undefined) return;
      if (typeof entry === "function") {
        this.#queue.shift();
        entry();
      } else if (!this.#ended && !this.#sink.hasRoom()) {
        return;
      } else if ((entry.flags & EventFlag.COMPRESSED) !== 0) {
        this.#inflate(entry);
      } else {
        this.#queue.shift();
        this.#sink.take({ ...entry, text: undefined });
      }
    }
  }

  #inflate(message: Waiting): void {
    this.#inflating = true;
    this.#codec?.inflate(message.bytes, this.#maxMessage, (result, cause) => {
      if (this.#broken) return;
      this.#inflating = false;
      this.#queue.shift();
      this.#inflated(message, result, cause);
      this.#pump();
    });
  }

  #inflated({ flags, credit }: Waiting, result: ReceivedBytes | ErrorCode, cause: unknown): void {
    if (typeof result === "string") {
      this.#fail(result, cause);
      return;
    }
    const isText = (flags & EventFlag.TEXT) !== 0;
    const text = isText ? strictUtf8Text(result) : undefined;
    if (isText && text === undefined) this.#fail("ERR_WS_UTF8", undefined);
    else this.#sink.take({ bytes: result, flags: flags & EventFlag.TEXT, text, credit });
  }

  #fail(code: ErrorCode, cause: unknown): void {
    this.#sink.broken(code, cause);
    this.drop();
  }
}
