import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { TwinwireError } from "../../wasm/errors.ts";
import type { Pem, TlsOptions } from "../../wasm/port-types.ts";
import { show, toPayload } from "../internal/arguments.ts";
import { type Compression, checkDeflate } from "../internal/deflate.ts";
import { OptionSet, tlsOptions } from "../internal/options.ts";
import { type AddressPolicy, policy } from "../internal/policy.ts";
import type { ProxyOption } from "../internal/url.ts";

/** permessage-deflate, with the names of `ws`. */
export interface PerMessageDeflateOptions {
  readonly serverNoContextTakeover?: boolean | undefined;
  readonly clientNoContextTakeover?: boolean | undefined;
  readonly serverMaxWindowBits?: number | undefined;
  /** `true`: whatever the server wants. */
  readonly clientMaxWindowBits?: number | boolean | undefined;
  readonly threshold?: number | undefined;
  readonly zlibDeflateOptions?: { readonly level?: number; readonly memLevel?: number } | undefined;
  /** Taken and without effect: the engine inflates with what was agreed upon. */
  readonly zlibInflateOptions?: object | undefined;
  /** Taken and without effect. */
  readonly concurrencyLimit?: number | undefined;
}

/** What this file declares itself, and what belongs to the URL. */
type OwnRequestOptions =
  | "agent"
  | "auth"
  | "ca"
  | "cert"
  | "createConnection"
  | "headers"
  | "key"
  | "minVersion"
  | "passphrase"
  | "rejectUnauthorized"
  | "servername"
  | "host"
  | "hostname"
  | "method"
  | "path"
  | "port"
  | "protocol"
  | "socketPath"
  | "timeout";

/**
 * The options of `new WebSocket`. Those of requests of node:http and node:https are passed on, such as `lookup`, `family` or
 * `checkServerIdentity`.
 */
export interface ClientOptions extends Omit<RequestOptions, OwnRequestOptions> {
  readonly protocols?: string | readonly string[] | undefined;
  readonly headers?: Readonly<Record<string, string | number | readonly string[] | undefined>> | undefined;
  readonly origin?: string | undefined;
  /** `"user:password"` */
  readonly auth?: string | undefined;
  readonly handshakeTimeout?: number | undefined;
  readonly closeTimeout?: number | undefined;
  readonly maxPayload?: number | undefined;
  readonly maxFragments?: number | undefined;
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  readonly followRedirects?: boolean | undefined;
  readonly maxRedirects?: number | undefined;
  readonly autoPong?: boolean | undefined;
  /** Taken; text is checked all the same. */
  readonly skipUTF8Validation?: boolean | undefined;
  readonly protocolVersion?: number | undefined;
  /** The agent of node:http or node:https that makes the connection. */
  readonly agent?: RequestOptions["agent"] | undefined;
  /** Makes the connection: a Duplex. Not called if there is an `agent`. */
  readonly createConnection?: RequestOptions["createConnection"] | undefined;
  /** Called with the request before it is sent; has to call `request.end()`. */
  readonly finishRequest?: ((request: ClientRequest, ws: EventEmitter) => void) | undefined;
  /** Beyond `ws`: the HTTP proxy to go through. Default: none, whatever the environment defines. */
  readonly proxy?: ProxyOption;
  /**
   * Beyond `ws`: the addresses that it may connect to, also after redirects. The connection is then the engine's, as with
   * `proxy`. Default: any.
   */
  readonly policy?: AddressPolicy | undefined;
  readonly ca?: Pem | readonly Pem[] | undefined;
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  readonly passphrase?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** What `verifyClient` is asked about. */
export interface ClientInfo {
  readonly origin: string | undefined;
  readonly secure: boolean;
  readonly req: IncomingMessage;
}

/** The verdict of a `verifyClient` with two parameters; an HTTP status, a body and headers for those who may not in. */
export type Verdict = (verified: boolean, code?: number, message?: string, headers?: Record<string, unknown>) => void;

/* What decides where or how safely it connects, and is not ours to honour. To leave it out in silence would be worse. */
const refused = [
  "createConnection",
  "lookup",
  "localAddress",
  "family",
  "checkServerIdentity",
  "secureContext",
  "pfx",
  "crl",
  "ciphers",
  "finishRequest",
];

const tlsNames = ["ca", "cert", "key", "passphrase", "servername", "rejectUnauthorized", "minVersion"] as const;

function unsupported(reason: string): TwinwireError {
  return new TwinwireError("ERR_UNSUPPORTED", { step: "open", reason });
}

/** @throws TwinwireError ERR_UNSUPPORTED for what can't be honoured. */
export function checkClient(options: ClientOptions): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of refused) {
    if (given[name] !== undefined && given[name] !== null) throw unsupported(`there is no ${name} here`);
  }
  const { agent, protocolVersion = 13 } = options;
  if (protocolVersion !== 8 && protocolVersion !== 13) {
    throw new RangeError(`Unsupported protocol version: ${protocolVersion} (supported versions: 13)`);
  }
  if (protocolVersion === 8) throw unsupported("protocolVersion is 13, that of RFC 6455");
  if (agent && (typeof agent !== "object" || agent.constructor?.name !== "Agent" || "proxy" in agent)) {
    throw unsupported("an agent that connects in its own way: say proxy instead");
  }
}

const policyOption = new OptionSet<{ policy?: AddressPolicy }>({ policy });

/** @throws TwinwireError ERR_ARGUMENT for what is no policy. */
export function policyOf(given: unknown): AddressPolicy | undefined {
  return given === undefined ? undefined : policyOption.read("WebSocket", { policy: given }).policy;
}

/** TLS as the options say, and the agent that they name. */
export function tlsOf(options: ClientOptions): TlsOptions {
  const agent = (options.agent ?? {}) as { options?: object };
  const all = { ...agent.options, ...options } as ClientOptions;
  const entries = tlsNames.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]] as const]));
  const tls = Object.fromEntries(entries);
  return tlsOptions.read("WebSocket", tls);
}

/**
 * Compression options in the form of `ws`. `peer`: the end whose messages are inflated here, with a window of any size.
 *
 * @throws TwinwireError ERR_ARGUMENT for numbers out of their range; also for a window of 8 bits of our own, which zlib
 * can't keep.
 */
export function compressionOf(
  option: boolean | PerMessageDeflateOptions | undefined,
  peer: "client" | "server",
): Compression | undefined {
  if (option === undefined || option === false) return undefined;
  const given = option === true ? {} : option;
  const { serverNoContextTakeover, clientNoContextTakeover } = given;
  const bits = { server: given.serverMaxWindowBits, client: given.clientMaxWindowBits };
  if (bits[peer] === 8) bits[peer] = 9;
  const { server: serverMaxWindowBits, client: clientMaxWindowBits } = bits;
  const checked = checkDeflate({
    serverNoContextTakeover,
    clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits: typeof clientMaxWindowBits === "number" ? clientMaxWindowBits : undefined,
    threshold: given.threshold,
    level: given.zlibDeflateOptions?.level,
    memLevel: given.zlibDeflateOptions?.memLevel,
  });
  if (typeof checked === "string") throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: checked });
  return checked;
}

/** The most that a message may have: `ws` takes 0 for no bound. */
export function maxMessageOf(maxPayload: unknown): number {
  const most = 2 ** 31 - 1;
  if (maxPayload === undefined || maxPayload === null) return 100 * 1024 * 1024;
  if (!Number.isInteger(maxPayload)) {
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: `maxPayload ${show(maxPayload)}` });
  }
  const bytes = maxPayload as number;
  return bytes < 1 || bytes > most ? most : bytes;
}

/** Called when what was sent is on its way, or with why it never will be. */
export type SendCallback = (error?: Error) => void;

/** How a message is sent. */
export interface SendOptions {
  /** Whether it is sent as binary; as bytes or text were given unless this is. */
  readonly binary?: boolean | undefined;
  /** Whether it may be compressed. It may unless this is false. */
  readonly compress?: boolean | undefined;
  /** Whether it is the last fragment of its message. It is unless this is false. */
  readonly fin?: boolean | undefined;
  /** Taken and without effect: clients mask and servers don't, RFC 6455 5.1. */
  readonly mask?: boolean | undefined;
}

/** Text or bytes of whatever `send` takes; numbers are text, nothing is an empty message. */
export function dataOf(given: unknown): string | Uint8Array {
  if (typeof given === "number") return given.toString();
  if (given === undefined || given === null || given === false || given === "") {
    return typeof given === "string" ? "" : new Uint8Array(0);
  }
  const payload = toPayload(given);
  if (payload !== undefined) return payload;
  /* As ws: an array of numbers, an object that says its own bytes; a TypeError for all else. */
  return Buffer.from(given as readonly number[]);
}

/** The payload of a ping or a pong, RFC 6455 5.5: at most 125 bytes. */
export function controlData(given: unknown): Uint8Array {
  const data = dataOf(given);
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (bytes.length > 125) throw new RangeError("The data size must not be greater than 125 bytes");
  return bytes;
}

/** What `close` is given, checked as `ws` does. Code 0: none is sent. */
export function closeArguments(code: unknown, data: unknown): { code: number; reason: string } {
  if (code === undefined) return { code: 0, reason: "" };
  if (typeof code !== "number" || !isCloseCode(code)) {
    throw new TypeError("First argument must be a valid error code number");
  }
  const { length = 0 } = (data ?? {}) as { readonly length?: number };
  const reason = length === 0 ? Buffer.alloc(0) : Buffer.from(data as string); /* what has no length is no reason */
  if (reason.length > 123) throw new RangeError("The message must not be greater than 123 bytes");
  return { code, reason: reason.toString() };
}

function isCloseCode(code: number): boolean {
  if (code >= 1000 && code <= 1014) return code < 1004 || code > 1006;
  return code >= 3000 && code <= 4999;
}
