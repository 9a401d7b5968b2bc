// Connections through an HTTP proxy.

import { lineOf } from "./show.mjs";

const REQUEST = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
const asked = [
  ["tcp-via", "a", "h", 443, "p", 3128, ""],
  ["wire", "open a tcp p 3128"],
  ["connected", "a"],
  ["wire", lineOf("write a", REQUEST)],
  ["events"],
  ["state", "a", "connecting"],
];

/** An answer of the proxy to a stream, and what comes of it. */
const answered = (name, text, events, ...after) => ({
  name,
  steps: [...asked, ["rx", "a", text], ["events", ...events], ...after],
});

const opened = (name, text, ...more) => answered(name, text, ["connected a", ...more]);
const failure = (error, detail) => [
  `error a ${error} proxy ${detail} retry never`,
  `disconnected a ${error} unsent 0 retry never`,
];
const refused = (name, text, error, detail = 0) =>
  answered(name, text, failure(error, detail), ["wire", "close a abort"], ["state", "a", "closed"]);

/** What is asked of the proxy for a target. */
const asks = (name, host, port, authority, credentials = "", header = "") => ({
  name,
  steps: [
    ["tcp-via", "a", host, port, "192.0.2.9", 8080, credentials],
    ["connected", "a"],
    [
      "wire",
      "open a tcp 192.0.2.9 8080",
      lineOf("write a", `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${header}\r\n`),
    ],
    ["target", "a", `${host}:${port}`],
  ],
});

const OK = "HTTP/1.1 200 OK\r\n";

const answers = [
  opened("200", `${OK}\r\n`),
  opened("any 2xx", "HTTP/1.1 204 x\r\n\r\n"),
  opened("299 of HTTP/1.0", "HTTP/1.0 299 \r\n\r\n"),
  opened("what comes behind is the target's", `${OK}X: y\r\n\r\nhello`, "data a 'hello'"),
  opened("its Content-Length means nothing, RFC 9110 9.3.6", `${OK}Content-Length: 5\r\n\r\nhello`, "data a 'hello'"),
  opened("its Transfer-Encoding neither", `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`, "data a '0\\r\\n'"),
  opened(
    "interim answers are skipped",
    "HTTP/1.1 100 x\r\n\r\nHTTP/1.1 102 x\r\nX: y\r\n\r\nHTTP/1.1 200 \r\n\r\n!",
    "data a '!'",
  ),
  refused("407", "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n", "ERR_PROXY", 407),
  refused("403 with a body", "HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\nsorry", "ERR_PROXY", 403),
  refused("502", "HTTP/1.1 502 x\r\n\r\n", "ERR_PROXY", 502),
  refused("301", "HTTP/1.1 301 x\r\nLocation: http://q/\r\n\r\n", "ERR_PROXY", 301),
  refused("101", "HTTP/1.1 101 x\r\n\r\n", "ERR_PROXY", 101),
  refused("099", "HTTP/1.1 099 x\r\n\r\n", "ERR_PROXY", 99),
  refused("no HTTP", "220 smtp\r\n", "ERR_HTTP"),
  refused("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", "ERR_HTTP_VERSION"),
  refused("a bare LF", "HTTP/1.1 200 OK\n\n", "ERR_HTTP"),
  refused("a folded field", `${OK}X: y\r\n z\r\n\r\n`, "ERR_HTTP"),
  refused("a head without an end", `${OK}X: ${"y".repeat(5000)}`, "ERR_HEAD_TOO_LARGE"),
  refused("fields without an end", `${OK}${"X:\r\n".repeat(65)}`, "ERR_HEAD_TOO_LARGE"),
];

const targets = [
  asks("a name", "example.org", 80, "example.org:80"),
  asks("an IPv4 address", "192.0.2.1", 1, "192.0.2.1:1"),
  asks("an IPv6 address has brackets", "2001:db8::1", 65535, "[2001:db8::1]:65535"),
  asks(
    "credentials, RFC 7617",
    "h",
    80,
    "h:80",
    "Aladdin:open sesame",
    "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
  ),
  asks("a password that is empty", "h", 80, "h:80", "u:", "Proxy-Authorization: Basic dTo=\r\n"),
  asks("a password with colons", "h", 80, "h:80", "u:a:b", "Proxy-Authorization: Basic dTphOmI=\r\n"),
  asks(
    "credentials of many bytes",
    "h",
    80,
    "h:80",
    `${"u".repeat(255)}:${"p".repeat(255)}`,
    `Proxy-Authorization: Basic ${Buffer.from(`${"u".repeat(255)}:${"p".repeat(255)}`).toString("base64")}\r\n`,
  ),
  {
    name: "what is refused at once",
    steps: [
      ...[
        ["", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["a b", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["a/b", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["a@b", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["a:b", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["[::1]", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["a\r\nX: y", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["é", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["fe80::1%eth0", 80, "p", 80, "", "ERR_ARGUMENT"],
        ["h", 0, "p", 80, "", "ERR_PORT"],
        ["h", 65536, "p", 80, "", "ERR_PORT"],
        ["h", 80, "", 80, "", "ERR_ARGUMENT"],
        ["h", 80, "p q", 80, "", "ERR_ARGUMENT"],
        ["h", 80, "p", 0, "", "ERR_PORT"],
        ["h", 80, "p", 65536, "", "ERR_PORT"],
        ["h", 80, "p", 80, "u", "ERR_ARGUMENT"],
        ["h", 80, "p", 80, "u:\r\nX", "ERR_HEADER"],
        ["h", 80, "p", 80, "u:\x7f", "ERR_HEADER"],
        ["h", 80, "p", 80, `u:${"p".repeat(510)}`, "ERR_ARGUMENT"],
      ].map((call) => ["tcp-via", "a", ...call]),
      ["ws-via", "a", "http://h/", "p", 80, "", "ERR_URL"],
      ["ws-via", "a", "ws+unix:/s", "p", 80, "", "ERR_URL"],
      ["ws-via", "a", "ws://h/", "p", 0, "", "ERR_PORT"],
      ["wire"],
    ],
  },
];

const lives = [
  answered(
    "the proxy ends",
    "HTTP/1.1 200 OK\r\n",
    [],
    ["ended", "a"],
    ["events", ...failure("ERR_ENDED", 0)],
    ["wire", "close a abort"],
  ),
  answered("the proxy closes orderly", "HTTP", [], ["closed", "a", 0], ["events", ...failure("ERR_ENDED", 0)]),
  answered("the proxy resets", "", [], ["closed", "a", "ERR_RESET"], ["events", ...failure("ERR_RESET", 0)]),
  answered(
    "the proxy keeps silent",
    "",
    [],
    ["time", 9999],
    ["events"],
    ["time", 1],
    ["events", ...failure("ERR_TIMEOUT", 0)],
    ["wire", "close a abort"],
  ),
  answered("it is closed meanwhile", "HTTP/1.1", [], ["close", "a"], ["events"], ["wire", "close a abort"]),
  answered(
    "connected twice",
    "",
    [],
    ["connected", "a"],
    ["wire"],
    ["rx", "a", `${OK}\r\n`],
    ["connected", "a"],
    ["events", "connected a"],
  ),
  {
    name: "the proxy cannot be reached",
    steps: [
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["wire", "open a tcp p 3128"],
      ["closed", "a", "ERR_REFUSED"],
      ["events", "error a ERR_REFUSED connect 0 retry never", "disconnected a ERR_REFUSED unsent 0 retry never"],
    ],
  },
  ...[400, 499].map((status) => ({
    name: `${status} is the last`,
    steps: [
      ...asked,
      ["reconnect", "a", 1],
      ["rx", "a", `HTTP/1.1 ${status} x\r\n\r\n`],
      ["events", ...failure("ERR_PROXY", status)],
      ["wire", "close a abort"],
    ],
  })),
  ...[399, 408, 500].map((status) => ({
    name: `${status} is asked again`,
    steps: [
      ...asked,
      ["reconnect", "a", 1],
      ["rx", "a", `HTTP/1.1 ${status} x\r\n\r\n`],
      ["events", `error a ERR_PROXY proxy ${status} retry 1000`],
      ["wire", "close a abort"],
    ],
  })),
  ...[1, 65535].map((port) => ({
    name: `a proxy at port ${port}`,
    steps: [
      ["tcp-via", "a", "h", port, "p", port, ""],
      ["wire", `open a tcp p ${port}`],
    ],
  })),
  {
    name: "each attempt asks again; 4xx is the last",
    steps: [
      ...asked,
      ["reconnect", "a", 1],
      ["rx", "a", "HTTP/1.1 503 x\r\n\r\n"],
      ["events", "error a ERR_PROXY proxy 503 retry 1000"],
      ["wire", "close a abort"],
      ["time", 1000],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", lineOf("write a", REQUEST)],
      ["rx", "a", "HTTP/1.1 429 x\r\n\r\n"],
      ["events", "error a ERR_PROXY proxy 429 retry 1000"],
      ["time", 1000],
      ["connected", "a"],
      ["wire", "close a abort", "open a tcp p 3128", lineOf("write a", REQUEST)],
      ["rx", "a", "HTTP/1.1 200 x\r\n\r\n"],
      ["events", "connected a"],
      ["closed", "a", "ERR_RESET"],
      ["events", "error a ERR_RESET receive 0 retry 1000", "disconnected a ERR_RESET unsent 0 retry 1000"],
      ["time", 1000],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", lineOf("write a", REQUEST)],
      ["rx", "a", "HTTP/1.1 407 x\r\n\r\n"],
      ["events", ...failure("ERR_PROXY", 407)],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "TLS is with the target, through the tunnel",
    steps: [
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["tls", "a", 1],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", lineOf("write a", REQUEST)],
      ["rx", "a", `${OK}\r\n`],
      ["wire", "start-tls a h"],
      ["events"],
      ["secured", "a"],
      ["events", "connected a"],
      ["send", "a", "x"],
      ["wire", "write a 'x'"],
    ],
  },
  {
    name: "TLS waits until the request is written",
    steps: [
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["tls", "a", 1],
      ["take", "a", 0],
      ["connected", "a"],
      ["wire", "open a tcp p 3128"],
      ["rx", "a", `${OK}\r\n`],
      ["wire"],
      ["take", "a", "all"],
      ["written", "a", REQUEST.length],
      ["wire", lineOf("write a", REQUEST), "start-tls a h"],
      ["secured", "a"],
      ["events", "connected a"],
    ],
  },
  {
    name: "bytes that come meanwhile are discarded",
    steps: [
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["tls", "a", 1],
      ["take", "a", 0],
      ["connected", "a"],
      ["wire", "open a tcp p 3128"],
      ["rx", "a", `${OK}\r\nx`],
      [
        "events",
        "error a ERR_TLS_BUFFERED proxy 0 retry never",
        `disconnected a ERR_TLS_BUFFERED unsent ${REQUEST.length} retry never`,
      ],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "TLS that fails behind the tunnel is TLS's failure",
    steps: [
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["tls", "a", 1],
      ["connected", "a"],
      ["rx", "a", `${OK}\r\n`],
      ["wire", "open a tcp p 3128", lineOf("write a", REQUEST), "start-tls a h"],
      ["closed", "a", "ERR_TLS"],
      ["events", "error a ERR_TLS tls 0 retry never", "disconnected a ERR_TLS unsent 0 retry never"],
    ],
  },
  {
    name: "the tunnel waits for room",
    steps: [
      ["limit", "sendPool", 1024],
      ["open-tcp", "b"],
      ["take", "b", 0],
      ["send", "b", `x:78*1024`],
      ["tcp-via", "a", "h", 443, "p", 3128, ""],
      ["connected", "a"],
      ["wire", "open a tcp p 3128"],
      ["take", "b", "all"],
      ["written", "b", 1024],
      ["wire", "write b x:78*1024", lineOf("write a", REQUEST)],
      ["rx", "a", `${OK}\r\n`],
      ["events", "connected a"],
    ],
  },
  {
    name: "a request that never fits",
    steps: [
      ["limit", "sendBuffer", 64],
      ["tcp-via", "a", "h", 443, "p", 3128, "", "ERR_TOO_LARGE"],
    ],
  },
  {
    name: "no memory for it",
    steps: [
      ["limit", "textPool", 128],
      ["tcp-via", "a", "h", 443, "p", 3128, `u:${"p".repeat(200)}`, "ERR_MEMORY"],
    ],
  },
];

const UPGRADE = [
  "header a Upgrade: websocket",
  "header a Connection: Upgrade",
  "header a Sec-WebSocket-Key: *",
  "header a Sec-WebSocket-Version: 13",
];
const via = (port) => [`request a CONNECT h:${port} HTTP/1.1`, `header a Host: h:${port}`];

const webSockets = [
  {
    name: "a WebSocket",
    steps: [
      ["ws-via", "a", "ws://h/x", "p", 3128, "u:p"],
      ["target", "a", "ws://h/x"],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(80), "header a Proxy-Authorization: Basic dTpw"],
      ["rx", "a", `${OK}\r\n`],
      ["wire", "request a GET /x HTTP/1.1", "header a Host: h", ...UPGRADE],
      ["events"],
      ["handshake", "a"],
      ["events", "connected a"],
      ["rx", "a", "x:8105 'Hello'"],
      ["events", "message a text ascii 'Hello'"],
    ],
  },
  {
    name: "a WebSocket to IPv6",
    steps: [
      ["ws-via", "a", "ws://[::1]:8080/", "p", 3128, ""],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", "request a CONNECT [::1]:8080 HTTP/1.1", "header a Host: [::1]:8080"],
    ],
  },
  {
    name: "wss: TLS is with the server",
    steps: [
      ["ws-via", "a", "wss://h/", "p", 3128, ""],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(443)],
      ["rx", "a", `${OK}\r\n`],
      ["wire", "start-tls a h"],
      ["secured", "a"],
      ["wire", "request a GET / HTTP/1.1", "header a Host: h", ...UPGRADE],
      ["handshake", "a"],
      ["events", "connected a"],
    ],
  },
  {
    name: "a WebSocket is refused by the proxy",
    steps: [
      ["ws-via", "a", "ws://h/", "p", 3128, ""],
      ["reconnect", "a", 1],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(80)],
      ["rx", "a", "HTTP/1.1 403 x\r\n\r\n"],
      ["events", "error a ERR_PROXY proxy 403 retry never", "disconnected a 1006 unsent 0 retry never"],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "its proxy ends",
    steps: [
      ["ws-via", "a", "ws://h/", "p", 3128, ""],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(80)],
      ["ended", "a"],
      ["events", "error a ERR_ENDED proxy 0 retry never", "disconnected a 1006 unsent 0 retry never"],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "its proxy keeps silent",
    steps: [
      ["ws-via", "a", "ws://h/", "p", 3128, ""],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(80)],
      ["time", 10000],
      ["events", "error a ERR_TIMEOUT proxy 0 retry never", "disconnected a 1006 unsent 0 retry never"],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "it connects again through its proxy",
    steps: [
      ["ws-via", "a", "ws://h/", "p", 3128, ""],
      ["reconnect", "a", 1],
      ["connected", "a"],
      ["rx", "a", `${OK}\r\n`],
      ["handshake", "a"],
      ["events", "connected a"],
      ["wire", "open a tcp p 3128", ...via(80), "request a GET / HTTP/1.1", "header a Host: h", ...UPGRADE],
      ["closed", "a", "ERR_RESET"],
      ["events", "error a ERR_RESET receive 0 retry 1000", "disconnected a 1006 unsent 0 retry 1000"],
      ["time", 1000],
      ["connected", "a"],
      ["wire", "open a tcp p 3128", ...via(80)],
      ["rx", "a", `${OK}\r\n`],
      ["wire", "request a GET / HTTP/1.1", "header a Host: h", ...UPGRADE],
      ["handshake", "a"],
      ["events", "connected a"],
    ],
  },
];

export const proxy = () => ({
  suite: "proxy",
  source: "RFC 9110 9.3.6, 15.2; RFC 9112 3.2.3; RFC 7617 2",
  cases: [...answers, ...targets, ...lives, ...webSockets],
});
