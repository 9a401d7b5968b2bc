/** HTTP messages, and connections through proxies or with an address policy. */
import { HttpBody, HttpRead, HttpSend, Kind } from "../../wasm/abi.gen.ts";
import { bytesAt, expectResult, flagsAt, handleAt, type Operation, textsAt } from "./args.ts";
import { one, open, type Place, place } from "./calls.ts";
import { numberAt, type Step, textAt } from "./file.ts";
import type { Session } from "./session.ts";

const encoder = new TextEncoder();

const reads: Record<string, number> = {
  request: HttpRead.REQUEST,
  response: HttpRead.RESPONSE,
  "no-body": HttpRead.NO_BODY,
  tunnel: HttpRead.TUNNEL,
  unknown: 1 << 7,
};

const sends: Record<string, number> = {
  none: 0,
  part: HttpSend.PART,
  "head-only": HttpSend.HEAD_ONLY,
  close: HttpSend.CLOSE,
  "until-close": HttpSend.UNTIL_CLOSE,
  unknown: 1 << 7,
};

const bodies: Record<string, number> = { more: 0, last: HttpBody.LAST, unknown: 1 << 7 };

/** The target at `index`, then the proxy's host and the credentials, where the core can read them. */
function route(s: Session, step: Step, index: number, proxyIndex: number): [Place, Place, Place] {
  const target = bytesAt(step, index);
  const at = s.machine.put(target);
  const proxy = encoder.encode(textAt(step, proxyIndex));
  const credentials = encoder.encode(textAt(step, proxyIndex + 2));
  return [{ at, size: target.length }, ...place(s, proxy, credentials, target.length)];
}

/** The operations by name. */
export const httpCalls: Record<string, Operation> = {
  "tcp-via": (s, step) => {
    const [target, proxy, secret] = route(s, step, 2, 4);
    const ports = [numberAt(step, 3), numberAt(step, 5)] as const;
    const { exports } = s.core;
    open(s, step, Kind.TCP, 7, () =>
      exports.twc_tcp_connect_via(
        s.core.self,
        target.at,
        target.size,
        ports[0],
        proxy.at,
        proxy.size,
        ports[1],
        secret.at,
        secret.size,
      ),
    );
  },
  "ws-via": (s, step) => {
    const [url, proxy, secret] = route(s, step, 2, 3);
    const port = numberAt(step, 4);
    const { exports, self } = s.core;
    open(s, step, Kind.WS, 6, () =>
      exports.twc_ws_connect_via(self, url.at, url.size, proxy.at, proxy.size, port, secret.at, secret.size),
    );
  },
  "tcp-allowed": (s, step) => {
    const [host, policy] = place(s, bytesAt(step, 2), bytesAt(step, 4));
    const port = numberAt(step, 3);
    const { exports, self } = s.core;
    open(s, step, Kind.TCP, 5, () =>
      exports.twc_tcp_connect_allowed(self, host.at, host.size, port, policy.at, policy.size),
    );
  },
  "ws-allowed": (s, step) => {
    const [url, policy] = place(s, bytesAt(step, 2), bytesAt(step, 3));
    const { exports, self } = s.core;
    open(s, step, Kind.WS, 4, () => exports.twc_ws_connect_allowed(self, url.at, url.size, policy.at, policy.size));
  },
  "check-address": (s, step) => {
    const { at, size } = one(s, step, 2);
    expectResult(s, step, 3, s.core.exports.twc_check_address(s.core.self, handleAt(s, step, 1), at, size), 0);
  },
  "http-read": (s, step) => {
    const { exports, self } = s.core;
    expectResult(
      s,
      step,
      4,
      exports.twc_http_read(self, handleAt(s, step, 1), flagsAt(step, 2, reads), numberAt(step, 3)),
      0,
    );
  },
  "http-send": (s, step) => {
    const [head, body] = place(s, textsAt(step, 4), bytesAt(step, 6));
    const got = s.core.exports.twc_http_send(
      s.core.self,
      handleAt(s, step, 1),
      flagsAt(step, 2, sends),
      numberAt(step, 3),
      head.at,
      head.size,
      numberAt(step, 5),
      body.at,
      body.size,
    );
    expectResult(s, step, 7, got, Math.max(got, 0));
  },
  "http-body": (s, step) => {
    const trailers = step.length > 4 ? textsAt(step, 4) : new Uint8Array(0);
    const [data, behind] = place(s, bytesAt(step, 3), trailers);
    const got = s.core.exports.twc_http_send_body(
      s.core.self,
      handleAt(s, step, 1),
      flagsAt(step, 2, bodies),
      data.at,
      data.size,
      behind.at,
      behind.size,
      step.length > 5 ? numberAt(step, 5) : 0,
    );
    expectResult(s, step, 6, got, data.size);
  },
  unread: (s, step) => s.unread(handleAt(s, step, 1), bytesAt(step, 2)),
};
