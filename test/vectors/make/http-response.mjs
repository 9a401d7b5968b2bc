import { broken, received, whole } from "./http-step.mjs";
import { lineOf } from "./show.mjs";

const bad = broken("response", "ERR_HTTP", 0);
const unknownCoding = broken("response", "ERR_HTTP_CODING", 0);
const otherVersion = broken("response", "ERR_HTTP_VERSION", 0);
const none = (code, read = "response") => whole(read, code);

const OK = "HTTP/1.1 200 OK\r\n";

/** A message with a body that is delimited by the connection's end. */
function untilClose(name, head, body, { flags = "body+until-close", code = 200, read = "response" } = {}) {
  const events = [lineOf(`head a ${code} ${flags}`, head)];
  if (body !== "") events.push(lineOf("body-part a", body));
  const over = body === "" ? "body a ''" : "body-last a ''";
  return received(name, read, head + body, events, {
    after: [
      ["ended", "a"],
      ["events", over, "http-end a", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  });
}

const sized = (name, head, body, flags = "keep-alive+body", code = 200) =>
  received(name, "response", `${head}${body}HTTP`, [
    lineOf(`head a ${code} ${flags}`, head),
    lineOf("body a", body),
    "http-end a",
    "data a 'HTTP'",
  ]);

const lines = [
  sized("a length", `${OK}Content-Length: 5\r\n\r\n`, "hello"),
  sized("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", "x"),
  sized("no space behind the status", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", "x"),
  received("empty lines before it, RFC 9112 2.2", "response", `\r\n\r\n${OK}Content-Length: 1\r\n\r\nxHTTP`, [
    lineOf("head a 200 keep-alive+body", `${OK}Content-Length: 1\r\n\r\n`),
    lineOf("body a", "x"),
    "http-end a",
    "data a 'HTTP'",
  ]),
  sized("a reason of any bytes but controls", "HTTP/1.1 200 \t é !\r\nContent-Length: 1\r\n\r\n", "x"),
  sized("status 599", "HTTP/1.1 599 x\r\nContent-Length: 1\r\n\r\n", "x", "keep-alive+body", 599),
  sized("a body that is not ASCII", `${OK}Content-Length: 4\r\n\r\n`, "éé"),
  none(200)("an empty body", "keep-alive", `${OK}Content-Length: 0\r\n\r\n‖HTTP`),
  bad("status 099", "HTTP/1.1 099 ‖x\r\n\r\n"),
  bad("status 600", "HTTP/1.1 600 ‖x\r\n\r\n"),
  bad("status 000", "HTTP/1.1 000 ‖x\r\n\r\n"),
  bad("two digits", "HTTP/1.1 20‖ OK\r\n"),
  bad("four digits", "HTTP/1.1 200‖0 OK\r\n"),
  bad("no space before the reason", "HTTP/1.1 200‖OK\r\n\r\n"),
  bad("a bare LF", "HTTP/1.1 200 OK‖\n\n"),
  bad("an ESC in the reason", "HTTP/1.1 200 ‖\x1b[31m\r\n\r\n"),
  bad("no HTTP", "‖220 smtp ready\r\n"),
  bad("a folded field", `${OK}X: y\r\n‖ z\r\n\r\n`),
  bad("a space before the colon", `${OK}X‖ : y\r\n\r\n`),
  otherVersion("HTTP/2.0", "HTTP/2.‖0 200 OK\r\n\r\n"),
  bad("a version without its point", "HTTP/2‖ 200 OK\r\n\r\n"),
];

const bodiless = [
  none(204)("204 has no body", "keep-alive", "HTTP/1.1 204 x\r\n\r\n‖HTTP"),
  none(204)("204 with a length", "keep-alive", "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n‖hello"),
  none(304)("304 with a length", "keep-alive", "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n‖HTTP"),
  none(304)("304 with chunks", "keep-alive", "HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n‖HTTP"),
  none(304)("304 and close", "none", "HTTP/1.1 304 x\r\nConnection: close\r\n\r\n"),
  none(100)("100 is a message of its own", "keep-alive", "HTTP/1.1 100 Continue\r\n\r\n‖HTTP/1.1 200 OK\r\n"),
  none(103)("103, too", "keep-alive", "HTTP/1.1 103 x\r\nLink: y\r\nContent-Length: 5\r\n\r\n‖hello"),
  none(101)("101 ends HTTP", "upgrade", "HTTP/1.1 101 x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n‖\u0081\u0000"),
  none(200, "response+no-body")("to HEAD", "keep-alive", `${OK}Content-Length: 5\r\n\r\n‖HTTP`),
  none(200, "response+no-body")("to HEAD, chunked", "keep-alive", `${OK}Transfer-Encoding: chunked\r\n\r\n‖HTTP`),
  none(200, "response+no-body")("to HEAD, with neither", "keep-alive", `${OK}\r\n‖HTTP`),
  none(200, "response+tunnel")("2xx to CONNECT opens the tunnel", "upgrade", `${OK}\r\n‖hello`),
  none(200, "response+tunnel")(
    "whatever its fields say, RFC 9112 6.3",
    "upgrade",
    `${OK}Content-Length: 5\r\n\r\n‖hello`,
  ),
  none(299, "response+tunnel")(
    "chunks to CONNECT",
    "upgrade",
    "HTTP/1.1 299 x\r\nTransfer-Encoding: chunked\r\n\r\n‖hello",
  ),
  received("300 to CONNECT is no tunnel", "response+tunnel", "HTTP/1.1 300 x\r\nContent-Length: 2\r\n\r\nno", [
    "head a 300 keep-alive+body 'HTTP/1.1 300 x\\r\\nContent-Length: 2\\r\\n\\r\\n'",
    "body a 'no'",
    "http-end a",
  ]),
  received(
    "407 to CONNECT is a response as others",
    "response+tunnel",
    "HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\nno",
    ["head a 407 keep-alive+body 'HTTP/1.1 407 x\\r\\nContent-Length: 2\\r\\n\\r\\n'", "body a 'no'", "http-end a"],
  ),
];

const closing = [
  untilClose("until the connection ends", `${OK}\r\n`, "hello"),
  untilClose("an empty body until then", `${OK}\r\n`, ""),
  untilClose("keep-alive does not help", `${OK}Connection: keep-alive\r\n\r\n`, "x"),
  untilClose("in HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", "hello", { flags: "body+until-close+http-1.0" }),
  untilClose("of 500", "HTTP/1.1 500 x\r\n\r\n", "oh", { code: 500 }),
  sized(
    "HTTP/1.0 with keep-alive",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
    "x",
    "keep-alive+body+http-1.0",
  ),
  sized("HTTP/1.0 without", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", "x", "body+http-1.0"),
  sized("close", `${OK}Connection: close\r\nContent-Length: 1\r\n\r\n`, "x", "body"),
  received("it ends in the head", "response", "HTTP/1.1 200 OK\r\nX", ["head-part a 'HTTP/1.1 200 OK\\r\\nX'"], {
    after: [
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 0", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  }),
  received(
    "it ends in the body",
    "response",
    `${OK}Content-Length: 5\r\n\r\nhell`,
    ["head a 200 keep-alive+body 'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n'", "body-part a 'hell'"],
    {
      after: [
        ["ended", "a"],
        ["events", "http-end a ERR_ENDED 0", "disconnected a *"],
        ["wire", "close a orderly"],
      ],
    },
  ),
  received("it ends without an answer", "response", "", [], {
    after: [
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 0", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  }),
  received(
    "it is reset in the body: that says the connection",
    "response",
    `${OK}\r\nhell`,
    ["head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'", "body-part a 'hell'"],
    {
      after: [
        ["closed", "a", "ERR_RESET"],
        ["events", "error a ERR_RESET receive 0 retry never", "disconnected a ERR_RESET unsent 0 retry never"],
      ],
    },
  ),
  received(
    "it is closed orderly at once",
    "response",
    `${OK}\r\nhell`,
    ["head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'", "body-part a 'hell'"],
    {
      after: [
        ["closed", "a", 0],
        ["events", "body-last a ''", "http-end a", "disconnected a 0 unsent 0 retry never clean"],
      ],
    },
  ),
];

const framing = [
  bad("two lengths", `${OK}Content-Length: 5\r\nContent-Length: 5\r\n‖\r\nhello`),
  bad("a list of lengths", `${OK}Content-Length: 5, 5\r\n‖\r\nhello`),
  bad("a length and chunks", `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n‖\r\n`),
  bad("chunked, then another coding", `${OK}Transfer-Encoding: chunked, gzip\r\n‖\r\n`),
  bad("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n‖\r\n"),
  unknownCoding("a coding that is not known", `${OK}Transfer-Encoding: gzip, chunked\r\n‖\r\n`),
  none(204)(
    "a field that is a request's",
    "keep-alive",
    "HTTP/1.1 204 x\r\nHost: a b\r\nHost: c\r\nExpect: 100-continue\r\n\r\n",
  ),
];

export const httpResponse = () => ({
  suite: "http-response",
  source: "RFC 9112 4, 6.3, 9; RFC 9110 15",
  cases: [...lines, ...bodiless, ...closing, ...framing],
});
