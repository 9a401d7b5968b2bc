import { type CoreExports, SendFlag, SocketKind } from "../abi.gen.ts";
import type { Core } from "../core.ts";
import { errorCode } from "../errors.ts";
import { showBytes } from "./show.ts";

/** The word of a vector's step, whom it is about (its handle; 0: the one that it opens), and its arguments. */
export interface Step {
  readonly word: string;
  readonly handle: number;
  readonly rest: readonly (string | number)[];
}

/** Tells a call of the wall as a step, from its arguments behind the core. */
type Describe = (core: Core, args: readonly number[]) => Step;

const text = (core: Core, at: number, size: number): string => showBytes(core.memory.view(at >>> 0, size));

function kindWord(flags: number): string {
  const kind = (flags & SendFlag.TEXT) === 0 ? "binary" : "text";
  const compressed = (flags & SendFlag.COMPRESSED) === 0 ? "" : "+compressed";
  if ((flags & SendFlag.PART) === 0) return kind + compressed;
  return `${kind}${compressed}${(flags & SendFlag.MORE) === 0 ? "+last" : "+more"}`;
}

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

/** What the application does. */
export const calls: { readonly [Name in keyof CoreExports]?: Describe } = {
  tw_tcp_connect: (core, [at = 0, size = 0, port = 0]) => ({
    word: "tcp",
    handle: 0,
    rest: [text(core, at, size), port],
  }),
  tw_unix_connect: (core, [at = 0, size = 0]) => ({ word: "unix", handle: 0, rest: [text(core, at, size)] }),
  tw_ws_connect: (core, [at = 0, size = 0]) => ({ word: "ws", handle: 0, rest: [text(core, at, size)] }),
  tw_udp_open: (_core, [port = 0]) => ({ word: "udp", handle: 0, rest: [port] }),
  tw_udp_bind: (core, [at = 0, size = 0, port = 0]) => ({
    word: "udp-bind",
    handle: 0,
    rest: [text(core, at, size), port],
  }),
  tw_listen: (core, [kind = 0, at = 0, size = 0, port = 0]) => ({
    word: "listen",
    handle: 0,
    rest: [kind === SocketKind.UNIX_LISTENER ? "unix" : "tcp", text(core, at, size), port],
  }),
  tw_udp_connect: (core, [handle = 0, at = 0, size = 0, port = 0]) => ({
    word: "udp-connect",
    handle,
    rest: [text(core, at, size), port],
  }),
  tw_udp_send_to: (core, [handle = 0, to = 0, toSize = 0, port = 0, at = 0, size = 0]) => ({
    word: "udp-send",
    handle,
    rest: [text(core, to, toSize), port, text(core, at, size)],
  }),
  tw_ws_header: pair("header"),
  tw_ws_basic_auth: pair("basic-auth"),
  tw_ws_clear_headers: plain("clear-headers"),
  tw_ws_protocol: bytes("protocol"),
  tw_send: bytes("send"),
  tw_ws_send_message: (core, [handle = 0, flags = 0, at = 0, size = 0]) => ({
    word: "ws-send",
    handle,
    rest: [kindWord(flags), text(core, at, size)],
  }),
  tw_ws_send_ping: bytes("ping"),
  tw_ws_send_pong: bytes("pong"),
  tw_ws_start_close: (core, [handle = 0, code = 0, at = 0, size = 0]) => ({
    word: "ws-close",
    handle,
    rest: [code, text(core, at, size)],
  }),
  tw_close: plain("close"),
  tw_shutdown: plain("shutdown"),
  tw_set_receiving: number("receiving"),
  tw_set_half_open: number("half-open"),
  tw_set_window: number("window"),
  tw_consumed: number("consumed"),
  tw_set_tls: number("tls"),
  tw_start_tls: bytes("start-tls"),
  tw_set_auto_reconnect: number("reconnect"),
  tw_set_reconnect_delays: (core, [handle = 0, at = 0, count = 0]) => ({
    word: "delays",
    handle,
    rest: [...core.memory.readI32(at >>> 0, count)],
  }),
  tw_set_deadline: (_core, [handle = 0, which = 0, ms = 0]) => ({
    word: "deadline",
    handle,
    rest: [deadlineWords[which] ?? "unknown", ms],
  }),
};

/** What the host delivers. */
export const deliveries: { readonly [Name in keyof CoreExports]?: Describe } = {
  tw_connected: plain("connected"),
  tw_secured: plain("secured"),
  tw_ended: plain("ended"),
  tw_written: number("written"),
  tw_received: (core, [handle = 0, size = 0]) => ({ word: "rx", handle, rest: [text(core, core.received, size)] }),
  tw_closed: (_core, [handle = 0, error = 0]) => ({
    word: "closed",
    handle,
    rest: [error < 0 ? errorCode(error) : error],
  }),
  tw_datagram: (core, [handle = 0, size = 0, addressSize = 0, port = 0]) => ({
    word: "datagram",
    handle,
    rest: [text(core, core.received, size), core.memory.ascii(core.sender, addressSize), port],
  }),
};
