/** What the application does: the calls of the core interface. */
import { type CoreExports, Kind, SocketKind } from "../../wasm/abi.gen.ts";
import { bytesAt, expectResult, handleAt, type Operation } from "./args.ts";
import { numberAt, type Step, textAt } from "./file.ts";
import type { Session } from "./session.ts";

export interface Place {
  readonly at: number;
  readonly size: number;
}

/** Puts bytes where the core can read them, one behind the other, behind `offset` bytes that lie there. */
export function place(s: Session, first: Uint8Array, second: Uint8Array, offset = 0): [Place, Place] {
  const at = s.machine.put(first, offset);
  const behind = s.machine.put(second, offset + first.length);
  return [
    { at, size: first.length },
    { at: behind, size: second.length },
  ];
}

export function one(s: Session, step: Step, index: number): Place {
  const bytes = bytesAt(step, index);
  return { at: s.machine.put(bytes), size: bytes.length };
}

const encoder = new TextEncoder();

export function open(s: Session, step: Step, kind: Kind, errorIndex: number, call: () => number): void {
  const handle = s.port.opening(textAt(step, 1), kind, call);
  s.machine.tap.add("opened", [handle]);
  if (step.length > errorIndex || handle < 0) expectResult(s, step, errorIndex, handle, 0);
}

const listeners: Record<string, SocketKind> = { tcp: SocketKind.TCP_LISTENER, unix: SocketKind.UNIX_LISTENER };
const deadlines = ["none", "read", "write", "both", "unknown"];

type Setter = "twc_set_receiving" | "twc_set_half_open" | "twc_set_window" | "twc_consumed" | "twc_set_tls";

/** A call that takes a handle and a number. */
function setter(name: Setter & keyof CoreExports): Operation {
  return (s, step) => {
    expectResult(s, step, 3, s.core.exports[name](s.core.self, handleAt(s, step, 1), numberAt(step, 2)), 0);
  };
}

/** Opens and closes TCP connections, one after the other, without a line: numbers of handles move on. */
function renew(s: Session, step: Step): void {
  const { exports, self } = s.core;
  const { at, size } = one(s, ["tcp", "~", "h"], 2);
  const lines = s.port.wire.takeLines();
  let before = -1;
  for (let count = numberAt(step, 1); count > 0; count--) {
    const handle = s.port.opening("~", Kind.TCP, () => exports.twc_tcp_connect(self, at, size, 80));
    if (handle <= 0 || handle === before) throw new Error("a number is wrong, or comes twice in succession");
    before = handle;
    exports.twc_close(self, handle);
    s.port.forgetNewest();
  }
  s.port.wire.takeLines();
  for (const line of lines) s.port.wire.line(line);
}

/** The operations by name. */
export const calls: Record<string, Operation> = {
  renew,
  tcp: (s, step) => {
    const { at, size } = one(s, step, 2);
    open(s, step, Kind.TCP, 4, () => s.core.exports.twc_tcp_connect(s.core.self, at, size, numberAt(step, 3)));
  },
  udp: (s, step) => {
    open(s, step, Kind.UDP, 3, () => s.core.exports.twc_udp_open(s.core.self, numberAt(step, 2)));
  },
  unix: (s, step) => {
    const { at, size } = one(s, step, 2);
    open(s, step, Kind.TCP, 3, () => s.core.exports.twc_unix_connect(s.core.self, at, size));
  },
  listen: (s, step) => {
    const { at, size } = one(s, step, 3);
    const kind = listeners[textAt(step, 2)] ?? SocketKind.UDP;
    const port = numberAt(step, 4);
    open(s, step, Kind.LISTENER, 5, () => s.core.exports.twc_listen(s.core.self, kind, at, size, port));
  },
  "address-limits": (s, step) => {
    const { exports, self } = s.core;
    const [connections, handshakes, messages] = [numberAt(step, 2), numberAt(step, 3), numberAt(step, 4)];
    const got = exports.twc_set_address_limits(self, handleAt(s, step, 1), connections, handshakes, messages);
    expectResult(s, step, 5, got, 0);
  },
  "udp-bind": (s, step) => {
    const { at, size } = one(s, step, 2);
    open(s, step, Kind.UDP, 4, () => s.core.exports.twc_udp_bind(s.core.self, at, size, numberAt(step, 3)));
  },
  "udp-connect": (s, step) => {
    const { at, size } = one(s, step, 2);
    const got = s.core.exports.twc_udp_connect(s.core.self, handleAt(s, step, 1), at, size, numberAt(step, 3));
    expectResult(s, step, 4, got, 0);
  },
  send: (s, step) => {
    const { at, size } = one(s, step, 2);
    expectResult(s, step, 3, s.core.exports.twc_send(s.core.self, handleAt(s, step, 1), at, size), size);
  },
  "udp-send": (s, step) => {
    const [to, data] = place(s, encoder.encode(textAt(step, 2)), bytesAt(step, 4));
    const { exports, self } = s.core;
    const handle = handleAt(s, step, 1);
    const got = exports.twc_udp_send_to(self, handle, to.at, to.size, numberAt(step, 3), data.at, data.size);
    expectResult(s, step, 5, got, data.size);
  },
  close: (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_close(s.core.self, handleAt(s, step, 1)), 0);
  },
  abort: (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_abort(s.core.self, handleAt(s, step, 1)), 0);
  },
  reconnect: (s, step) => {
    const got = s.core.exports.twc_set_auto_reconnect(s.core.self, handleAt(s, step, 1), numberAt(step, 2));
    expectResult(s, step, 3, got, 0);
  },
  delays: (s, step) => {
    const delays = step.slice(2).filter((value) => typeof value === "number");
    s.machine.memory.writeU32(s.machine.scratch, delays);
    const handle = handleAt(s, step, 1);
    const got = s.core.exports.twc_set_reconnect_delays(s.core.self, handle, s.machine.scratch, delays.length);
    expectResult(s, step, 2 + delays.length, got, 0);
  },
  receiving: setter("twc_set_receiving"),
  "half-open": setter("twc_set_half_open"),
  window: setter("twc_set_window"),
  consumed: setter("twc_consumed"),
  tls: setter("twc_set_tls"),
  shutdown: (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_shutdown(s.core.self, handleAt(s, step, 1)), 0);
  },
  deadline: (s, step) => {
    const which = deadlines.indexOf(textAt(step, 2));
    if (which < 0) throw new Error("no such deadline");
    const got = s.core.exports.twc_set_deadline(s.core.self, handleAt(s, step, 1), which, numberAt(step, 3));
    expectResult(s, step, 4, got, 0);
  },
  "start-tls": (s, step) => {
    const { at, size } = one(s, step, 2);
    expectResult(s, step, 3, s.core.exports.twc_start_tls(s.core.self, handleAt(s, step, 1), at, size), 0);
  },
  bind: (s, step) => {
    const [event, declaration] = place(s, encoder.encode(textAt(step, 2)), bytesAt(step, 3));
    const { exports, self } = s.core;
    const signature = exports.twc_signature(declaration.at, declaration.size);
    const handle = handleAt(s, step, 1);
    expectResult(s, step, 4, exports.twc_bind_event(self, handle, event.at, event.size, signature), 0);
  },
};
