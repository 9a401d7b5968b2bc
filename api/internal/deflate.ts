import { Deflate, type ErrorCode } from "../../wasm/abi.gen.ts";
import { errorCode } from "../../wasm/errors.ts";
import type { Compressor, CompressorOptions, Decompressor, DeflateHost, ReceivedBytes } from "../../wasm/port-types.ts";
import { flag, integer, OptionSet, type Rule } from "./options.ts";

/** permessage-deflate, RFC 7692. A smaller window takes less memory and compresses less. */
export interface DeflateOptions {
  /** The base-2 logarithm of both ends' windows, 9 to 15. Default: 15. */
  readonly maxWindowBits?: number | undefined;
  /** The same for what the server compresses. */
  readonly serverMaxWindowBits?: number | undefined;
  /** The same for what the client compresses. */
  readonly clientMaxWindowBits?: number | undefined;
  /** Both ends compress each message by itself: memory is needed only while a message is worked on. */
  readonly noContextTakeover?: boolean | undefined;
  /** The same for what the server compresses. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The same for what the client compresses. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** Messages with fewer bytes are sent uncompressed. Default: 1024. */
  readonly threshold?: number | undefined;
  /** Compression level, 1 (fast) to 9 (small). Default: the library's own. */
  readonly level?: number | undefined;
  /** Memory of a compressor, 1 to 9. Default: the library's own. */
  readonly memLevel?: number | undefined;
}

/** The same, checked: what is offered or accepted, and what is our own business. */
export interface Compression {
  /** `Deflate` parameters. */
  readonly parameters: number;
  readonly threshold: number;
  readonly level: number | undefined;
  readonly memLevel: number | undefined;
}

const MOST_BITS = 15;
const LEAST_BITS = 9;
const CLIENT_SHIFT = 4;
const THRESHOLD = 1024;

const bits = integer(LEAST_BITS, MOST_BITS);

const deflateOptions = new OptionSet<DeflateOptions>({
  maxWindowBits: bits,
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
  noContextTakeover: flag,
  serverNoContextTakeover: flag,
  clientNoContextTakeover: flag,
  threshold: integer(0, 2 ** 31 - 1),
  level: integer(1, 9),
  memLevel: integer(1, 9),
});

/** The rule of an option `deflate`: `true`, `false` or `DeflateOptions`. */
export const deflateRule: Rule<Compression | undefined> = (given, path) =>
  given === false ? undefined : compressionOf(deflateOptions.rule(given === true ? {} : given, path));

function compressionOf(given: DeflateOptions): Compression {
  const { maxWindowBits = MOST_BITS, noContextTakeover = false, threshold = THRESHOLD } = given;
  const { serverMaxWindowBits = maxWindowBits, clientMaxWindowBits = maxWindowBits } = given;
  const { serverNoContextTakeover = noContextTakeover, clientNoContextTakeover = noContextTakeover } = given;
  const parameters = deflateParameters({
    serverMaxWindowBits,
    clientMaxWindowBits,
    serverNoContextTakeover,
    clientNoContextTakeover,
  });
  return { parameters, threshold, level: given.level, memLevel: given.memLevel };
}

/** What both ends have agreed upon. Window bits are 9 to 15. */
export interface AgreedDeflate {
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
}

/** Returns the `Deflate` parameters of an agreement. */
export function deflateParameters(agreed: AgreedDeflate): number {
  return (
    agreed.serverMaxWindowBits |
    (agreed.clientMaxWindowBits << CLIENT_SHIFT) |
    (agreed.serverNoContextTakeover ? Deflate.SERVER_NO_CONTEXT_TAKEOVER : 0) |
    (agreed.clientNoContextTakeover ? Deflate.CLIENT_NO_CONTEXT_TAKEOVER : 0)
  );
}

const alone = new OptionSet<{ deflate?: Compression | undefined }>({ deflate: deflateRule });

/** Checks what an application wants; `undefined`: no compression. A string says what is wrong with it. */
export function checkDeflate(option: unknown): Compression | undefined | string {
  try {
    return alone.read("deflate", { deflate: option }).deflate;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What was agreed upon, as the header field has it. */
export function extensionsText(parameters: number): string {
  if (parameters === 0) return "";
  const server = parameters & MOST_BITS;
  const client = (parameters >> CLIENT_SHIFT) & MOST_BITS;
  const parts = [
    "permessage-deflate",
    (parameters & Deflate.SERVER_NO_CONTEXT_TAKEOVER) === 0 ? "" : "server_no_context_takeover",
    (parameters & Deflate.CLIENT_NO_CONTEXT_TAKEOVER) === 0 ? "" : "client_no_context_takeover",
    server === MOST_BITS ? "" : `server_max_window_bits=${server}`,
    client === MOST_BITS ? "" : `client_max_window_bits=${client}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** Takes the bytes, or why there are none. */
export type Coded = (result: ReceivedBytes | ErrorCode, cause?: unknown) => void;

/** How one end compresses: the server if `server`, else the client. */
function directionOf(parameters: number, server: boolean): { windowBits: number; takeover: boolean } {
  const bits = server ? parameters : parameters >> CLIENT_SHIFT;
  const fresh = server ? Deflate.SERVER_NO_CONTEXT_TAKEOVER : Deflate.CLIENT_NO_CONTEXT_TAKEOVER;
  return { windowBits: bits & MOST_BITS, takeover: (parameters & fresh) === 0 };
}

const NOTHING = new Uint8Array(0);

/**
 * Compresses messages within the call. Between messages it keeps no state of the library, only what the peer's window holds:
 * the end of what was sent compressed (RFC 7692 7.2.3.2). So a message that is refused leaves no trace.
 */
export class ImmediateCompressor {
  readonly #host: DeflateHost;
  readonly #options: CompressorOptions;
  readonly #threshold: number;
  #window = NOTHING;

  /** As `Codec`. */
  constructor(host: DeflateHost, parameters: number, compression: Compression, server: boolean) {
    const { level, memLevel, threshold } = compression;
    this.#host = host;
    this.#options = { ...directionOf(parameters, server), level, memLevel };
    this.#threshold = Math.max(1, threshold);
  }

  /** Compresses a message; `undefined` if it is to be sent as it is. If it is sent compressed, `sent` has to be called. */
  compress(data: Uint8Array): Uint8Array | undefined {
    if (data.length < this.#threshold) return undefined;
    const result = this.#host.compressNow(data, this.#options, this.#window);
    return typeof result !== "number" && result.length < data.length ? result : undefined;
  }

  /** A message was sent compressed. */
  sent(data: Uint8Array): void {
    const { takeover, windowBits } = this.#options;
    if (!takeover) return;
    const most = 2 ** windowBits;
    const kept = this.#window.subarray(Math.max(0, this.#window.length + Math.min(most, data.length) - most));
    const window = new Uint8Array(Math.min(most, kept.length + data.length));
    window.set(kept);
    window.set(data.subarray(Math.max(0, data.length - most)), kept.length);
    this.#window = window;
  }
}

/** Both directions of one connection. What the library needs is made when it is first needed. */
export class Codec {
  readonly threshold: number;
  readonly #host: DeflateHost;
  readonly #parameters: number;
  readonly #compression: Compression;
  readonly #server: boolean;
  #compressor: Compressor | undefined;
  #decompressor: Decompressor | undefined;

  /** `parameters`: what was agreed upon; `server`: whether we are the server. */
  constructor(host: DeflateHost, parameters: number, compression: Compression, server: boolean) {
    this.#host = host;
    this.#parameters = parameters;
    this.#compression = compression;
    this.#server = server;
    this.threshold = Math.max(1, compression.threshold);
  }

  /** Compresses a message. One at a time. */
  compress(data: Uint8Array, done: Coded): void {
    const { level, memLevel } = this.#compression;
    this.#compressor ??= this.#host.compressor({ ...directionOf(this.#parameters, this.#server), level, memLevel });
    this.#compressor.compress(data, coded(done));
  }

  /** Inflates a message to at most so many bytes. One at a time. */
  inflate(data: Uint8Array, most: number, done: Coded): void {
    this.#decompressor ??= this.#host.decompressor(directionOf(this.#parameters, !this.#server));
    this.#decompressor.inflate(data, most, coded(done));
  }

  /** Gives memory back. Nothing more is reported of what is under way. */
  close(): void {
    this.#compressor?.close();
    this.#decompressor?.close();
  }
}

function coded(done: Coded): (result: ReceivedBytes | number, cause?: unknown) => void {
  return (result, cause) => done(typeof result === "number" ? errorCode(result) : result, cause);
}
