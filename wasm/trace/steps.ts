import { type CoreExports, HttpBody, HttpRead, HttpSend, SendFlag, SocketKind, WsOption } from "../abi.gen.ts";
import { errorCode } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { hideCredentials } from "./redact.ts";

/** Whether a byte can stand for itself in a text that people read. */
function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0x0d || byte === 0x0a || byte === 0x09;
}

/** Bytes as a vector's argument has them: themselves if they can be read, else `x:` and hex. */
export function showBytes(bytes: Uint8Array): string {
  const hex = (): string => `x:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  if (!bytes.every(isPrintable)) return hex();
  let shown = "";
  for (const byte of bytes) shown += String.fromCharCode(byte);
  return shown.startsWith("x:") ? hex() : shown;
}

/** The word of a vector's step, whom it is about (its handle; 0: the one that it opens), and its arguments. */
export interface Step {
  readonly word: string;
  readonly handle: number;
  readonly rest: readonly (string | number)[];
}

/** Where the bytes of arguments can be read. */
export interface StepSource {
  readonly memory: Pick<Memory, "ascii" | "readI32" | "view">;
  /** `twc_rx_buffer` */
  readonly received: number;
  /** `twc_rx_address` */
  readonly sender: number;
}

/** Returns a call of the core interface as a step, from its arguments behind the core. */
export type Describe = (core: StepSource, args: readonly number[]) => Step;

const text = (core: StepSource, at: number, size: number): string => showBytes(core.memory.view(at >>> 0, size));

/** The words of a call's flags, joined by `+`. */
function words(flags: number, names: readonly (readonly [string, number])[], none: string): string {
  const found = names.filter(([, bits]) => (flags & bits) === bits).map(([name]) => name);
  return found.length === 0 ? none : found.join("+");
}

function kindWord(flags: number): string {
  const fragment = (flags & SendFlag.MORE) !== 0 ? "more" : (flags & SendFlag.PART) !== 0 ? "last" : undefined;
  const kind = [
    (flags & SendFlag.TEXT) === 0 ? "binary" : "text",
    ...((flags & SendFlag.COMPRESSED) === 0 ? [] : ["compressed"]),
    ...(fragment === undefined ? [] : [fragment]),
  ];
  return kind.join("+");
}

const optionWords = [
  ["no-auto-pong", WsOption.NO_AUTO_PONG],
  ["report-head", WsOption.REPORT_HEAD],
  ["receive-while-closing", WsOption.RECEIVE_WHILE_CLOSING],
] as const;

const readWords = [
  ["response", HttpRead.RESPONSE],
  ["no-body", HttpRead.NO_BODY],
  ["tunnel", HttpRead.TUNNEL],
] as const;

const sendWords = [
  ["part", HttpSend.PART],
  ["head-only", HttpSend.HEAD_ONLY],
  ["close", HttpSend.CLOSE],
  ["until-close", HttpSend.UNTIL_CLOSE],
] as const;

const deadlineWords = ["none", "read", "write", "both"];

/** `word handle n` */
const number =
  (word: string): Describe =>
  (_core, [handle = 0, value = 0]) => ({ word, handle, rest: [value] });

/** `word handle` */
const plain =
  (word: string): Describe =>
  (_core, [handle = 0]) => ({ word, handle, rest: [] });

/** `word handle bytes` */
const bytes =
  (word: string): Describe =>
  (core, [handle = 0, at = 0, size = 0]) => ({ word, handle, rest: [text(core, at, size)] });

/** `word handle bytes bytes` */
const pair =
  (word: string): Describe =>
  (core, [handle = 0, first = 0, firstSize = 0, second = 0, secondSize = 0]) => ({
    word,
    handle,
    rest: [text(core, first, firstSize), text(core, second, secondSize)],
  });

/** Credentials of a proxy, which no trace has. */
const hidden = (core: StepSource, at: number, size: number): string => hideCredentials(text(core, at, size), size);

/** What the application does. A proxy's credentials are left out. */
export const calls: { readonly [Name in keyof CoreExports]?: Describe } = {
  twc_tcp_connect: (core, [at = 0, size = 0, port = 0]) => ({
    word: "tcp",
    handle: 0,
    rest: [text(core, at, size), port],
  }),
  twc_tcp_connect_via: (core, args) => {
    const [at = 0, size = 0, port = 0, proxy = 0, proxySize = 0, proxyPort = 0, secret = 0, secretSize = 0] = args;
    const via = [text(core, proxy, proxySize), proxyPort, hidden(core, secret, secretSize)];
    return { word: "tcp-via", handle: 0, rest: [text(core, at, size), port, ...via] };
  },
  twc_ws_connect_via: (core, args) => {
    const [at = 0, size = 0, proxy = 0, proxySize = 0, proxyPort = 0, secret = 0, secretSize = 0] = args;
    const via = [text(core, proxy, proxySize), proxyPort, hidden(core, secret, secretSize)];
    return { word: "ws-via", handle: 0, rest: [text(core, at, size), ...via] };
  },
  twc_tcp_connect_allowed: (core, [at = 0, size = 0, port = 0, policy = 0, policySize = 0]) => ({
    word: "tcp-allowed",
    handle: 0,
    rest: [text(core, at, size), port, text(core, policy, policySize)],
  }),
  twc_ws_connect_allowed: (core, [at = 0, size = 0, policy = 0, policySize = 0]) => ({
    word: "ws-allowed",
    handle: 0,
    rest: [text(core, at, size), text(core, policy, policySize)],
  }),
  twc_unix_connect: (core, [at = 0, size = 0]) => ({ word: "unix", handle: 0, rest: [text(core, at, size)] }),
  twc_ws_connect: (core, [at = 0, size = 0]) => ({ word: "ws", handle: 0, rest: [text(core, at, size)] }),
  twc_udp_open: (_core, [port = 0]) => ({ word: "udp", handle: 0, rest: [port] }),
  twc_udp_bind: (core, [at = 0, size = 0, port = 0]) => ({
    word: "udp-bind",
    handle: 0,
    rest: [text(core, at, size), port],
  }),
  twc_listen: (core, [kind = 0, at = 0, size = 0, port = 0]) => ({
    word: "listen",
    handle: 0,
    rest: [kind === SocketKind.UNIX_LISTENER ? "unix" : "tcp", text(core, at, size), port],
  }),
  twc_udp_connect: (core, [handle = 0, at = 0, size = 0, port = 0]) => ({
    word: "udp-connect",
    handle,
    rest: [text(core, at, size), port],
  }),
  twc_udp_send_to: (core, [handle = 0, to = 0, toSize = 0, port = 0, at = 0, size = 0]) => ({
    word: "udp-send",
    handle,
    rest: [text(core, to, toSize), port, text(core, at, size)],
  }),
  twc_ws_header: pair("header"),
  twc_ws_basic_auth: pair("basic-auth"),
  twc_ws_clear_headers: plain("clear-headers"),
  twc_ws_protocol: bytes("protocol"),
  twc_send: bytes("send"),
  twc_ws_send: (core, [handle = 0, flags = 0, at = 0, size = 0]) => ({
    word: "ws-send",
    handle,
    rest: [kindWord(flags), text(core, at, size)],
  }),
  twc_ws_accept: (core, args) => {
    const [handle = 0, head = 0, headSize = 0, protocol = 0, protocolSize = 0, fields = 0, fieldsSize = 0] = args;
    const [, , , , , , , count = 0, deflate = 0] = args;
    const texts = [text(core, head, headSize), text(core, protocol, protocolSize), text(core, fields, fieldsSize)];
    return { word: "ws-accept", handle, rest: [...texts, count, deflate] };
  },
  twc_ws_set_options: (_core, [handle = 0, options = 0, maxMessage = 0, maxFragments = 0]) => ({
    word: "ws-options",
    handle,
    rest: [words(options, optionWords, "none"), maxMessage >>> 0, maxFragments >>> 0],
  }),
  twc_set_address_limits: (_core, [listener = 0, connections = 0, handshakes = 0, messages = 0]) => ({
    word: "address-limits",
    handle: listener,
    rest: [connections, handshakes, messages],
  }),
  twc_ws_set_deflate: number("ws-set-deflate"),
  twc_ws_set_heartbeat: (_core, [handle = 0, intervalMs = 0, timeoutMs = 0]) => ({
    word: "heartbeat",
    handle,
    rest: [intervalMs, timeoutMs],
  }),
  twc_http_read: (_core, [handle = 0, flags = 0, maxBody = 0]) => ({
    word: "http-read",
    handle,
    rest: [words(flags, readWords, "request"), maxBody >>> 0],
  }),
  twc_http_send: (core, args) => {
    const [handle = 0, flags = 0, status = 0, head = 0, headSize = 0, count = 0, body = 0, bodySize = 0] = args;
    const rest = [words(flags, sendWords, "none"), status, text(core, head, headSize), count];
    return { word: "http-send", handle, rest: [...rest, text(core, body, bodySize)] };
  },
  twc_http_send_body: (core, args) => {
    const [handle = 0, flags = 0, at = 0, size = 0, trailers = 0, trailersSize = 0, count = 0] = args;
    const rest = [(flags & HttpBody.LAST) === 0 ? "more" : "last", text(core, at, size)];
    return { word: "http-body", handle, rest: [...rest, text(core, trailers, trailersSize), count] };
  },
  /* Only that of a server is an operation of the vectors. */
  twc_ws_attach: (_core, [handle = 0, client = 0, deflate = 0]) => ({
    word: client === 0 ? "ws-attach" : "ws-attach-client",
    handle,
    rest: [deflate],
  }),
  twc_ws_ping: bytes("ping"),
  twc_ws_pong: bytes("pong"),
  twc_ws_close: (core, [handle = 0, code = 0, at = 0, size = 0]) => ({
    word: "ws-close",
    handle,
    rest: [code, text(core, at, size)],
  }),
  twc_close: plain("close"),
  twc_abort: plain("abort"),
  twc_shutdown: plain("shutdown"),
  twc_set_receiving: number("receiving"),
  twc_set_half_open: number("half-open"),
  twc_set_window: number("window"),
  twc_consumed: number("consumed"),
  twc_set_tls: number("tls"),
  twc_start_tls: bytes("start-tls"),
  twc_set_auto_reconnect: number("reconnect"),
  twc_set_reconnect_delays: (core, [handle = 0, at = 0, count = 0]) => ({
    word: "delays",
    handle,
    rest: [...core.memory.readI32(at >>> 0, count)],
  }),
  twc_set_deadline: (_core, [handle = 0, which = 0, ms = 0]) => ({
    word: "deadline",
    handle,
    rest: [deadlineWords[which] ?? "unknown", ms],
  }),
};

/** What the host delivers. */
export const deliveries: { readonly [Name in keyof CoreExports]?: Describe } = {
  twc_connected: plain("connected"),
  twc_secured: plain("secured"),
  twc_ended: plain("ended"),
  twc_written: number("written"),
  twc_unread: (core, [handle = 0, size = 0]) => ({ word: "unread", handle, rest: [text(core, core.received, size)] }),
  twc_received: (core, [handle = 0, size = 0]) => ({ word: "rx", handle, rest: [text(core, core.received, size)] }),
  twc_closed: (_core, [handle = 0, error = 0]) => ({
    word: "closed",
    handle,
    rest: [error < 0 ? errorCode(error) : error],
  }),
  twc_datagram: (core, [handle = 0, size = 0, addressSize = 0, port = 0]) => ({
    word: "datagram",
    handle,
    rest: [text(core, core.received, size), core.memory.ascii(core.sender, addressSize), port],
  }),
};
