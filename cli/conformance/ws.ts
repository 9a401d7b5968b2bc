/** WebSockets: what the application sends before and after the handshake, as client and as server. */
import { type CoreExports, Kind, SendFlag, WsOption } from "../../wasm/abi.gen.ts";
import { bytesAt, expectResult, flagsAt, handleAt, type Operation, textsAt } from "./args.ts";
import { one, open, place } from "./calls.ts";
import { numberAt, textAt } from "./file.ts";

const encoder = new TextEncoder();

const kinds: Record<string, number> = {
  binary: SendFlag.BINARY,
  text: SendFlag.TEXT,
  more: SendFlag.PART | SendFlag.MORE,
  last: SendFlag.PART,
  compressed: SendFlag.COMPRESSED,
  unknown: 1 << 7,
};

const options: Record<string, number> = {
  none: 0,
  "no-auto-pong": WsOption.NO_AUTO_PONG,
  "report-head": WsOption.REPORT_HEAD,
  "receive-while-closing": WsOption.RECEIVE_WHILE_CLOSING,
  unknown: 1 << 7,
};

/** A call that takes a handle and the payload of a control frame. */
function control(name: ("twc_ws_ping" | "twc_ws_pong") & keyof CoreExports): Operation {
  return (s, step) => {
    const { at, size } = one(s, step, 2);
    expectResult(s, step, 3, s.core.exports[name](s.core.self, handleAt(s, step, 1), at, size), size);
  };
}

/** The operations by name. */
export const webSocketCalls: Record<string, Operation> = {
  ws: (s, step) => {
    const { at, size } = one(s, step, 2);
    open(s, step, Kind.WS, 3, () => s.core.exports.twc_ws_connect(s.core.self, at, size));
  },
  header: (s, step) => {
    const [name, value] = place(s, encoder.encode(textAt(step, 2)), bytesAt(step, 3));
    const handle = handleAt(s, step, 1);
    const got = s.core.exports.twc_ws_header(s.core.self, handle, name.at, name.size, value.at, value.size);
    expectResult(s, step, 4, got, 0);
  },
  "basic-auth": (s, step) => {
    const [user, password] = place(s, encoder.encode(textAt(step, 2)), bytesAt(step, 3));
    const handle = handleAt(s, step, 1);
    const got = s.core.exports.twc_ws_basic_auth(s.core.self, handle, user.at, user.size, password.at, password.size);
    expectResult(s, step, 4, got, 0);
  },
  "clear-headers": (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_ws_clear_headers(s.core.self, handleAt(s, step, 1)), 0);
  },
  protocol: (s, step) => {
    const { at, size } = one(s, step, 2);
    expectResult(s, step, 3, s.core.exports.twc_ws_protocol(s.core.self, handleAt(s, step, 1), at, size), 0);
  },
  "ws-send": (s, step) => {
    const { at, size } = one(s, step, 3);
    const flags = flagsAt(step, 2, kinds);
    expectResult(s, step, 4, s.core.exports.twc_ws_send(s.core.self, handleAt(s, step, 1), flags, at, size), size);
  },
  ping: control("twc_ws_ping"),
  pong: control("twc_ws_pong"),
  "ws-close": (s, step) => {
    const { at, size } = one(s, step, 3);
    const got = s.core.exports.twc_ws_close(s.core.self, handleAt(s, step, 1), numberAt(step, 2), at, size);
    expectResult(s, step, 4, got, 0);
  },
  "ws-judge": (s, step) => {
    const { at, size } = one(s, step, 1);
    expectResult(s, step, 2, s.core.exports.twc_ws_judge(at, size), 0);
  },
  "ws-accept": (s, step) => {
    const handle = handleAt(s, step, 1);
    const head = one(s, step, 2);
    const texts = [encoder.encode(textAt(step, 3)), textsAt(step, 4)] as const;
    const [protocol, fields] = place(s, ...texts, head.size);
    const got = s.core.exports.twc_ws_accept(
      s.core.self,
      handle,
      head.at,
      head.size,
      protocol.at,
      protocol.size,
      fields.at,
      fields.size,
      numberAt(step, 5),
      numberAt(step, 6),
    );
    const socket = s.port.find(handle);
    if (got === 0 && socket !== undefined) s.port.serve(socket);
    expectResult(s, step, 7, got, 0);
  },
  "ws-attach": (s, step) => {
    const got = s.core.exports.twc_ws_attach(s.core.self, handleAt(s, step, 1), 0, numberAt(step, 2));
    expectResult(s, step, 3, got, 0);
  },
  "ws-fault": (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_ws_fault(s.core.self, handleAt(s, step, 1)), 0);
  },
  "ws-broadcast": (s, step) => {
    const pairs = step.slice(4);
    const count = pairs.length >> 1;
    const handles = Array.from({ length: count }, (_, at) => handleAt(s, step, 4 + 2 * at));
    const { memory, scratch } = s.machine;
    memory.writeU32(scratch, handles);
    const bytes = bytesAt(step, 2);
    const at = s.machine.put(bytes, 4 * count);
    const flags = flagsAt(step, 1, kinds);
    const got = s.core.exports.twc_ws_broadcast(s.core.self, scratch, count, flags, at, bytes.length);
    expectResult(s, step, 3, got, 0);
    if (got < 0) return;
    const results = new DataView(new Uint8Array(memory.view(scratch, 4 * count)).buffer);
    for (let index = 0; index < count; index++) {
      expectResult(s, step, 5 + 2 * index, results.getInt32(4 * index, true), 0);
    }
  },
  "ws-options": (s, step) => {
    const { exports, self } = s.core;
    const handle = handleAt(s, step, 1);
    const flags = flagsAt(step, 2, options);
    expectResult(s, step, 5, exports.twc_ws_set_options(self, handle, flags, numberAt(step, 3), numberAt(step, 4)), 0);
  },
  "ws-set-deflate": (s, step) => {
    const got = s.core.exports.twc_ws_set_deflate(s.core.self, handleAt(s, step, 1), numberAt(step, 2));
    expectResult(s, step, 3, got, 0);
  },
  "ws-deflate": (s, step) => {
    expectResult(s, step, 2, s.core.exports.twc_ws_deflate(s.core.self, handleAt(s, step, 1)), 0);
  },
  heartbeat: (s, step) => {
    const { exports, self } = s.core;
    const handle = handleAt(s, step, 1);
    expectResult(s, step, 4, exports.twc_ws_set_heartbeat(self, handle, numberAt(step, 2), numberAt(step, 3)), 0);
  },
};
