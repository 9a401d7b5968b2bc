import { EventFlag, HttpFlag, HttpRead } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { Memory } from "../../wasm/memory.ts";
import { Joiner } from "../../wasm/parts.ts";
import { utf8Text } from "../../wasm/text.ts";
import { Timeout } from "../internal/waiting.ts";
import { type Body, type BodySource, newBody } from "./body.ts";
import { type HeaderCache, splitFields } from "./head.ts";
import type { Headers } from "./types.ts";

/** A message that is being received, as far as it has come. */
export class HttpMessage {
  /** `HttpRead` bits. */
  readonly read: number;
  readonly maxBody: number;
  /** Whether its body is kept until all of it is there; else it is a stream. */
  readonly whole: boolean;
  /** Of a response. */
  status = 0;
  /** `HttpFlag` bits, once the head is whole. */
  flags = 0;
  headWhole = false;
  over = false;
  /** Of a request: a response has begun. */
  answered = false;
  /** Of a request that asks for 100 (Continue): whether that was sent. */
  continued = false;
  error: TwinwireError | undefined;
  /** Of the trailer section. */
  trailerText = "";
  /** The body, if it is a stream. */
  body: Body | undefined;
  #headText = "";
  readonly #cache: HeaderCache;
  #text: string | undefined;
  #joiner: Joiner | undefined;

  constructor(read: number, maxBody: number, whole: boolean, cache: HeaderCache) {
    this.#cache = cache;
    this.read = read;
    this.maxBody = maxBody;
    this.whole = whole;
  }

  /** Whether anything of it has come. */
  get begun(): boolean {
    return this.#headText !== "";
  }

  get isResponse(): boolean {
    return (this.read & HttpRead.RESPONSE) !== 0;
  }

  /** RFC 9110 15.2: others follow. 101 is the last one. */
  get isInterim(): boolean {
    return this.isResponse && this.status < 200 && this.status !== 101;
  }

  has(flag: HttpFlag): boolean {
    return (this.flags & flag) !== 0;
  }

  /** A request's method. */
  get method(): string {
    const text = this.#headText;
    return text.slice(0, text.indexOf(" "));
  }

  /** A request's target. */
  get target(): string {
    const { line } = this;
    return line.slice(line.indexOf(" ") + 1, line.lastIndexOf(" "));
  }

  get version(): string {
    return this.has(HttpFlag.HTTP_1_0) ? "HTTP/1.0" : "HTTP/1.1";
  }

  /** What the head begins with. */
  get line(): string {
    return this.#headText.slice(0, this.#headText.indexOf("\r\n"));
  }

  /** Names and values as they were sent, one after the other. */
  get fields(): string[] {
    return splitFields(this.#headText, this.#headText.indexOf("\r\n") + 2);
  }

  get headers(): Headers {
    return this.#cache.of(this.#headText, this.#headText.indexOf("\r\n"));
  }

  /** Its head, as it came: a character for each byte. */
  get head(): string {
    return this.#headText;
  }

  /** The body, if it is kept as a whole. */
  get text(): string {
    if (this.#text !== undefined) return this.#text;
    const bytes = this.#joiner?.take();
    this.#text = bytes === undefined ? "" : utf8Text(bytes, 0, bytes.length);
    return this.#text;
  }

  takeHead(text: string): void {
    this.#headText = this.#headText === "" ? text : this.#headText + text;
  }

  /** Its head is whole. */
  endHead(status: number, flags: number, source: BodySource): void {
    this.headWhole = true;
    this.status = status;
    this.flags = flags;
    if (!this.whole && !this.isInterim) this.body = newBody(source, !this.has(HttpFlag.BODY));
  }

  /** A part of the body, if it is kept as a whole. It lies in linear memory. */
  takeBody(memory: Memory, at: number, size: number, flags: number): void {
    const only = EventFlag.FIRST | EventFlag.FINAL;
    if ((flags & only) === only) {
      this.#text = (flags & EventFlag.ASCII) !== 0 ? memory.ascii(at, size) : memory.utf8(at, size);
      return;
    }
    if (size === 0) return;
    this.#joiner ??= new Joiner();
    this.#joiner.add(memory.view(at, size), (flags & EventFlag.ASCII) !== 0);
  }
}

/** What is being waited for. */
type Stage = "begin" | "head" | "rest" | "unread";

const late: Readonly<Record<Stage, string>> = {
  begin: "no message began in time",
  head: "the head was not whole in time",
  rest: "the message was not whole in time",
  unread: "the body was not read in time",
};

/** How long a message may take, stage by stage. */
export class MessageTimeout {
  stage: Stage = "begin";
  readonly #ran: (reason: string) => void;
  #timeout: Timeout | undefined;

  /** `ran` receives what did not arrive in time. */
  constructor(ran: (reason: string) => void) {
    this.#ran = ran;
  }

  /** Waits for this now, for `ms`; 0: for ever. */
  set(stage: Stage, ms: number): void {
    this.stage = stage;
    if (ms === 0 && this.#timeout === undefined) return;
    this.#timeout ??= new Timeout(() => this.#ran(late[this.stage]));
    this.#timeout.set(ms);
  }

  clear(): void {
    this.#timeout?.clear();
  }

  stop(): void {
    this.#timeout?.stop();
  }
}
