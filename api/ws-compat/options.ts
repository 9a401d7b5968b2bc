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

/** The options of permessage-deflate, RFC 7692, with the names of `ws`. */
export interface PerMessageDeflateOptions {
  /** Whether the server compresses each message by itself, without a context from those before. Default: false. */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The same for the client. Default: false. */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** The base-2 logarithm of the window that the server compresses with, 8 to 15. Default: 15. */
  readonly serverMaxWindowBits?: number | undefined;
  /** The same for the client; `true`: any that the server chooses. Default: 15. */
  readonly clientMaxWindowBits?: number | boolean | undefined;
  /** Messages of fewer bytes are sent uncompressed. Default: 1024. */
  readonly threshold?: number | undefined;
  /** `level`, 1 to 9, and `memLevel`, 1 to 9, of zlib. Default: those of the runtime. */
  readonly zlibDeflateOptions?: { readonly level?: number; readonly memLevel?: number } | undefined;
  /** Accepted without effect: the agreed parameters decide how messages are inflated. */
  readonly zlibInflateOptions?: object | undefined;
  /** Accepted without effect. */
  readonly concurrencyLimit?: number | undefined;
}

/** The options of a request that are declared below, and those that the URL decides. */
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
 * The options of `new WebSocket`. Other options of requests of node:http and node:https, such as `lookup`, `family` or
 * `checkServerIdentity`, are passed on to the request; on Bun, with `proxy` and with `policy` there is no such request, and those
 * that would change where or how securely it connects throw ERR_UNSUPPORTED.
 */
export interface ClientOptions extends Omit<RequestOptions, OwnRequestOptions> {
  /** The subprotocols to offer, in order of preference. Default: none. */
  readonly protocols?: string | readonly string[] | undefined;
  /** Header fields of the handshake request. */
  readonly headers?: Readonly<Record<string, string | number | readonly string[] | undefined>> | undefined;
  /** The header field Origin. Default: none. */
  readonly origin?: string | undefined;
  /** `"user:password"` for Basic authentication. Default: that of the URL. */
  readonly auth?: string | undefined;
  /** Milliseconds from the start to the end of the handshake. Default: no limit of its own. */
  readonly handshakeTimeout?: number | undefined;
  /** Milliseconds that `close` waits for the peer, at most `limits().closeTimeoutMs`. Default: 30,000. */
  readonly closeTimeout?: number | undefined;
  /** The largest message to receive, in bytes; 0: 2,147,483,647. A larger one closes with code 1009. Default: 104,857,600. */
  readonly maxPayload?: number | undefined;
  /** The most fragments of a received message; 0: `limits().maxFragments`. More close with code 1009. Default: 0. */
  readonly maxFragments?: number | undefined;
  /** Whether compression is offered, and how. Default: true. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined;
  /** Whether redirects are followed. Default: false. */
  readonly followRedirects?: boolean | undefined;
  /** The most redirects to follow. Default: 10. */
  readonly maxRedirects?: number | undefined;
  /** Whether pings are answered automatically. Default: true. */
  readonly autoPong?: boolean | undefined;
  /** Accepted without effect: text is always validated. */
  readonly skipUTF8Validation?: boolean | undefined;
  /** The value of Sec-WebSocket-Version: 13; any other throws. Default: 13. */
  readonly protocolVersion?: number | undefined;
  /** The agent of node:http or node:https that makes the connection. */
  readonly agent?: RequestOptions["agent"] | undefined;
  /** Creates the connection, a Duplex. Not called with an `agent`. */
  readonly createConnection?: RequestOptions["createConnection"] | undefined;
  /** Called with the request before it is sent. It must call `request.end()`. */
  readonly finishRequest?: ((request: ClientRequest, ws: EventEmitter) => void) | undefined;
  /** Not in `ws`: the HTTP proxy to connect through. Default: none; the environment is not read. */
  readonly proxy?: ProxyOption;
  /**
   * Not in `ws`: the addresses to which it may connect, also after redirects. The engine makes the connection then, as with
   * `proxy`. Default: any.
   */
  readonly policy?: AddressPolicy | undefined;
  /** The authorities to trust instead of the host's. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** The client's certificate and its intermediate certificates. */
  readonly cert?: Pem | undefined;
  /** The private key of `cert`. */
  readonly key?: Pem | undefined;
  /** The passphrase of `key`. */
  readonly passphrase?: string | undefined;
  /** The name to ask for (SNI) and to verify. Default: the host of the URL. */
  readonly servername?: string | undefined;
  /** Whether a server whose certificate fails a check is refused. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** The oldest version of TLS. Default: TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** The first argument of `verifyClient`. */
export interface ClientInfo {
  /** The header field Origin, if there is one. */
  readonly origin: string | undefined;
  /** Whether the connection uses TLS. */
  readonly secure: boolean;
  /** The handshake request. */
  readonly req: IncomingMessage;
}

/** Takes the decision of a `verifyClient` with two parameters: whether to accept, else the status, body and header fields. */
export type Verdict = (verified: boolean, code?: number, message?: string, headers?: Record<string, unknown>) => void;

/* Options that decide where or how securely it connects, and that the engine doesn't have: to ignore them would be worse. */
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

/**
 * Checks the options of a connection that the engine makes.
 *
 * @throws TwinwireError ERR_UNSUPPORTED for options that it does not have.
 */
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

/** Returns the checked policy. @throws TwinwireError ERR_ARGUMENT for what is no policy. */
export function policyOf(given: unknown): AddressPolicy | undefined {
  return given === undefined ? undefined : policyOption.read("WebSocket", { policy: given }).policy;
}

/** Returns the TLS options among the options, and among those of the agent. */
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

/** Returns the largest message in bytes. As in `ws`, 0 means no limit. */
export function maxMessageOf(maxPayload: unknown): number {
  const most = 2 ** 31 - 1;
  if (maxPayload === undefined || maxPayload === null) return 100 * 1024 * 1024;
  if (!Number.isInteger(maxPayload)) {
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", reason: `maxPayload ${show(maxPayload)}` });
  }
  const bytes = maxPayload as number;
  return bytes < 1 || bytes > most ? most : bytes;
}

/** Called when the runtime or the engine has accepted what was sent, or with the error for which it will not be sent. */
export type SendCallback = (error?: Error) => void;

/** The options of `send`. */
export interface SendOptions {
  /** Whether the message is binary. Default: true for bytes, false for a string. */
  readonly binary?: boolean | undefined;
  /** Whether the message may be compressed. Default: true. */
  readonly compress?: boolean | undefined;
  /** Whether this is the last fragment of its message. Default: true. */
  readonly fin?: boolean | undefined;
  /** Accepted without effect: clients mask and servers do not, RFC 6455 5.1. */
  readonly mask?: boolean | undefined;
}

/** Returns what `send` was given as text or bytes: a number is text; `undefined`, `null` and `false` are an empty message. */
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
