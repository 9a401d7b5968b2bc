/** The header field Sec-WebSocket-Extensions: RFC 6455 9.1, and permessage-deflate by RFC 7692, judged as `ws` judges it. */
import { type AgreedDeflate, deflateParameters } from "../internal/deflate.ts";
import { isToken } from "../internal/websocket.ts";
import type { PerMessageDeflateOptions } from "./options.ts";

/** The only extension that there is. */
export const DEFLATE = "permessage-deflate";

const MOST_BITS = 15;
const LEAST_BITS = 8;

/** The least window that zlib compresses with. */
const LEAST_COMPRESSED = 9;

/** The parameters of an extension: each value of each name; `true` for a parameter without one. */
type Parameters = Map<string, (string | true)[]>;

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const parameter = `[ \\t]*;[ \\t]*(${token})(?:=(?:(${token})|"((?:[^"\\\\]|\\\\.)*)"))?`;
const element = new RegExp(`[ \\t]*(${token})((?:${parameter})*)[ \\t]*(,|$)`, "y");

/** Splits the field into extensions by name, each with its offers. `undefined` for what is not of that form. */
export function parseExtensions(field: string): Map<string, Parameters[]> | undefined {
  const found = new Map<string, Parameters[]>();
  element.lastIndex = 0;
  for (;;) {
    const match = element.exec(field);
    if (match === null) return undefined;
    const [, name = "", list = ""] = match;
    const parameters = parametersOf(list);
    if (parameters === undefined) return undefined;
    found.set(name, [...(found.get(name) ?? []), parameters]);
    if (match.at(-1) === "") return found;
  }
}

function parametersOf(list: string): Parameters | undefined {
  const parameters: Parameters = new Map();
  for (const [, name = "", plain, quoted] of list.matchAll(new RegExp(parameter, "g"))) {
    const value = plain ?? quoted?.replace(/\\(.)/g, "$1");
    if (value !== undefined && !isToken(value)) return undefined;
    parameters.set(name, [...(parameters.get(name) ?? []), value ?? true]);
  }
  return parameters;
}

/** One offer of permessage-deflate, or the answer to one. */
interface DeflateTerms {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number | undefined;
  /** `true`: whatever the server wants. */
  readonly clientMaxWindowBits: number | true | undefined;
}

/** Reads parameters by RFC 7692 7.1; `undefined`: they are wrong. */
function termsOf(parameters: Parameters, isOffer: boolean): DeflateTerms | undefined {
  const single = (name: string): string | boolean => parameters.get(name)?.[0] ?? false;
  const names = ["server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits"];
  for (const [name, values] of parameters) {
    if (values.length > 1 || ![...names, "client_max_window_bits"].includes(name)) return undefined;
  }
  const [serverFresh, clientFresh] = [single("server_no_context_takeover"), single("client_no_context_takeover")];
  const [server, client] = [single("server_max_window_bits"), single("client_max_window_bits")];
  const right =
    typeof serverFresh === "boolean" &&
    typeof clientFresh === "boolean" &&
    (server === false || bitsOf(server) !== undefined) &&
    (client === false || bitsOf(client) !== undefined || (client === true && isOffer));
  if (!right) return undefined;
  return {
    serverNoContextTakeover: serverFresh,
    clientNoContextTakeover: clientFresh,
    serverMaxWindowBits: bitsOf(server),
    clientMaxWindowBits: client === true ? true : bitsOf(client),
  };
}

function bitsOf(value: string | boolean): number | undefined {
  const bits = typeof value === "string" ? Number(value) : 0;
  return Number.isInteger(bits) && bits >= LEAST_BITS && bits <= MOST_BITS ? bits : undefined;
}

/** Returns the field's value with which a client offers compression. */
export function offerText(options: PerMessageDeflateOptions): string {
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = options;
  const parts = [DEFLATE];
  if (serverNoContextTakeover) parts.push("server_no_context_takeover");
  if (clientNoContextTakeover) parts.push("client_no_context_takeover");
  if (serverMaxWindowBits) parts.push(`server_max_window_bits=${serverMaxWindowBits}`);
  if (typeof clientMaxWindowBits === "number") parts.push(`client_max_window_bits=${clientMaxWindowBits}`);
  else if (clientMaxWindowBits !== false) parts.push("client_max_window_bits");
  return parts.join("; ");
}

/** What is agreed upon: the field that says so, and `Deflate` parameters. */
export interface Agreed {
  readonly text: string;
  readonly deflate: number;
}

const NONE: Agreed = { text: "", deflate: 0 };

/**
 * Chooses the first of a client's offers that the server's options allow. `undefined`: the field is malformed, or no offer
 * can be accepted. A client that offers no compression gets none.
 */
export function chooseOffer(field: string, options: PerMessageDeflateOptions): Agreed | undefined {
  const offers = parseExtensions(field);
  const offered = offers?.get(DEFLATE);
  if (offers === undefined || offered === undefined) return offers && NONE;
  const all = offered.map((parameters) => termsOf(parameters, true));
  if (all.includes(undefined)) return undefined;
  const terms = all.find((it) => it !== undefined && isAcceptable(it, options));
  if (terms === undefined) return undefined;
  const serverFresh = terms.serverNoContextTakeover || options.serverNoContextTakeover === true;
  const clientFresh = terms.clientNoContextTakeover || options.clientNoContextTakeover === true;
  const server = options.serverMaxWindowBits ?? terms.serverMaxWindowBits;
  const offeredBits = terms.clientMaxWindowBits === true ? undefined : terms.clientMaxWindowBits;
  const client = typeof options.clientMaxWindowBits === "number" ? options.clientMaxWindowBits : offeredBits;
  if (server !== undefined && server < LEAST_COMPRESSED) return NONE; /* what zlib can't do is declined */
  const values: Record<string, string | undefined> = {
    server_no_context_takeover: serverFresh ? "" : undefined,
    client_no_context_takeover: clientFresh ? "" : undefined,
    server_max_window_bits: server === undefined ? undefined : `=${server}`,
    client_max_window_bits: client === undefined ? undefined : `=${client}`,
  };
  /* In the order of the offer, and then what the server adds. */
  const names = new Set([...(offered[all.indexOf(terms)]?.keys() ?? []), ...Object.keys(values)]);
  const parts = [DEFLATE];
  for (const name of names) if (values[name] !== undefined) parts.push(`${name}${values[name]}`);
  return { text: parts.join("; "), deflate: parametersFor(serverFresh, clientFresh, server, client) };
}

function isAcceptable(terms: DeflateTerms, options: PerMessageDeflateOptions): boolean {
  const { serverMaxWindowBits: most, clientMaxWindowBits: client } = options;
  if (options.serverNoContextTakeover === false && terms.serverNoContextTakeover) return false;
  if (terms.serverMaxWindowBits !== undefined && most !== undefined && most > terms.serverMaxWindowBits) return false;
  return typeof client !== "number" || terms.clientMaxWindowBits !== undefined;
}

/**
 * Returns the `Deflate` parameters of a server's answer to `offerText(options)`, or a message in the words of `ws`.
 * `options`: `undefined` if nothing was offered.
 */
export function readAnswer(field: string, options: PerMessageDeflateOptions | undefined): number | string {
  if (options === undefined) {
    return "Server sent a Sec-WebSocket-Extensions header but no extension was requested";
  }
  const invalid = "Invalid Sec-WebSocket-Extensions header";
  const answered = parseExtensions(field);
  if (answered === undefined) return invalid;
  const deflate = answered.get(DEFLATE);
  if (answered.size !== 1 || deflate === undefined) return "Server indicated an extension that was not requested";
  const terms = deflate.length === 1 && deflate[0] ? termsOf(deflate[0], false) : undefined;
  if (terms === undefined) return invalid;
  const { clientMaxWindowBits: most } = options;
  const client = terms.clientMaxWindowBits === true ? undefined : terms.clientMaxWindowBits;
  if (options.clientNoContextTakeover === false && terms.clientNoContextTakeover) return invalid;
  if (client !== undefined && (most === false || (typeof most === "number" && client > most))) return invalid;
  const bits = client ?? (typeof most === "number" ? most : undefined);
  if (bits !== undefined && bits < LEAST_COMPRESSED) return invalid; /* zlib can't keep it */
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits } = terms;
  return parametersFor(serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, bits);
}

/** A window that the peer compresses with may be larger here. */
function parametersFor(
  serverNoContextTakeover: boolean,
  clientNoContextTakeover: boolean,
  server: number | undefined,
  client: number | undefined,
): number {
  const agreed: AgreedDeflate = {
    serverNoContextTakeover,
    clientNoContextTakeover,
    serverMaxWindowBits: Math.max(LEAST_COMPRESSED, server ?? MOST_BITS),
    clientMaxWindowBits: Math.max(LEAST_COMPRESSED, client ?? MOST_BITS),
  };
  return deflateParameters(agreed);
}
