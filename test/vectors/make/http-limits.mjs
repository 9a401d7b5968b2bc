import { broken, received, whole } from "./http-step.mjs";
import { lineOf } from "./show.mjs";

/** The case under a limit. */
const under = (name, value, { name: title, steps }) => ({ name: title, steps: [["limit", name, value], ...steps] });

const good = whole("request", 0);
const longLine = broken("request", "ERR_HEAD_TOO_LARGE", 414);
const largeHead = broken("request", "ERR_HEAD_TOO_LARGE", 431);
const answerTooLarge = broken("response", "ERR_HEAD_TOO_LARGE", 0);

const HOST = "GET / HTTP/1.1\r\nHost: h\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunkedHead = lineOf("head a 0 keep-alive+body+chunked", CHUNKED);
const x = (count) => "x".repeat(count);

/** A request line of so many bytes, its CRLF included. */
const requestLine = (size) => `GET /${x(size - 16)} HTTP/1.1\r\n`;
const fieldLine = (size) => `X: ${x(size - 5)}\r\n`;
const fields = (count) => Array.from({ length: count }, (_, at) => `X${at}: y\r\n`).join("");

const lines = [
  good("a request line as long as may be", "keep-alive", `${requestLine(64)}Host: h\r\n\r\n`),
  longLine("a request line of a byte more", `${requestLine(65).slice(0, 64)}‖\nHost: h\r\n\r\n`),
  longLine("a target without an end", `GET /${x(59)}‖${x(500)}`),
  longLine("a method without an end", `${x(64)}‖${x(500)}`),
  good("a field line as long as may be", "keep-alive", `${HOST}${fieldLine(64)}\r\n`),
  largeHead("a field line of a byte more", `${HOST}${fieldLine(65).slice(0, 64)}‖\n\r\n`),
  largeHead("a name without an end", `${HOST}${x(64)}‖${x(500)}`),
  largeHead("a value without an end", `${HOST}X: ${x(61)}‖${x(500)}`),
  largeHead("spaces without an end", `${HOST}X:${" ".repeat(62)}‖${" ".repeat(300)}`),
  answerTooLarge("a reason without an end", `HTTP/1.1 200 ${x(51)}‖${x(100)}`),
  received("the empty line before a request line is none of it", "request", `\r\n${requestLine(64)}Host: h\r\n\r\n`, [
    lineOf("head a 0 keep-alive", `${requestLine(64)}Host: h\r\n\r\n`),
    "http-end a",
  ]),
].map((one) => under("maxLine", 64, one));

const heads = [
  good("a head as large as may be", "keep-alive", `${HOST}${fieldLine(51)}${fieldLine(50)}\r\n`),
  largeHead("a head of a byte more", `${HOST}${fieldLine(52)}${fieldLine(50)}\r‖\n`),
  largeHead("a head without an end", `${HOST}${fieldLine(60)}X: ${x(40)}‖${x(100)}`),
  longLine("a target as large as the head", `GET /${x(123)}‖${x(100)}`),
  answerTooLarge("a response's head", `HTTP/1.1 200 OK\r\nX: ${x(108)}‖${x(100)}`),
  received("trailers as large as may be", "request", `${CHUNKED}0\r\n${fieldLine(100)}${fieldLine(26)}\r\n`, [
    chunkedHead,
    "body a ''",
    lineOf("trailer a", `${fieldLine(100)}${fieldLine(26)}\r\n`),
    "http-end a",
  ]),
  received("trailers of a byte more", "request", `${CHUNKED}0\r\n${fieldLine(100)}${fieldLine(27)}\r\n`, [
    chunkedHead,
    "body a ''",
    lineOf("trailer-part a", `${fieldLine(100)}${fieldLine(27)}\r`),
    "http-end a ERR_HEAD_TOO_LARGE 431",
  ]),
  received(
    "chunk extensions, all together, as many as may be",
    "request",
    `${CHUNKED}1;${x(63)}\r\na\r\n1;${x(63)}\r\nb\r\n0\r\n\r\n`,
    [chunkedHead, "body a 'ab'", "http-end a"],
  ),
  received("chunk extensions of a byte more", "request", `${CHUNKED}1;${x(63)}\r\na\r\n1;${x(64)}\r\nb\r\n0\r\n\r\n`, [
    chunkedHead,
    "body-part a 'a'",
    "http-end a ERR_BODY_TOO_LARGE 413",
  ]),
].map((one) => under("maxHead", 128, one));

const counts = [
  good("as many fields as may be", "keep-alive", `${HOST}${fields(2)}\r\n`),
  largeHead("one more", `${HOST}${fields(2)}‖Y: z\r\n\r\n`),
  answerTooLarge("one more in a response", `HTTP/1.1 200 OK\r\n${fields(3)}‖Y: z\r\n\r\n`),
  received("trailers are counted apart", "request", `${CHUNKED}0\r\n${fields(3)}\r\n`, [
    chunkedHead,
    "body a ''",
    lineOf("trailer a", `${fields(3)}\r\n`),
    "http-end a",
  ]),
  received("one more trailer", "request", `${CHUNKED}0\r\n${fields(4)}\r\n`, [
    chunkedHead,
    "body a ''",
    lineOf("trailer-part a", fields(3)),
    "http-end a ERR_HEAD_TOO_LARGE 431",
  ]),
].map((one) => under("maxFields", 3, one));

const sized = (size) => `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${size}\r\n\r\n`;
const tooLarge = (name, size, max) =>
  received(
    name,
    "request",
    `${sized(size)}hello`,
    [lineOf("head a 0 keep-alive+body", sized(size)), "http-end a ERR_BODY_TOO_LARGE 413"],
    { max },
  );

const bodies = [
  received(
    "a body as large as may be",
    "request",
    `${sized(5)}hello`,
    [lineOf("head a 0 keep-alive+body", sized(5)), "body a 'hello'", "http-end a"],
    { max: 5 },
  ),
  tooLarge("a body of a byte more", 6, 5),
  tooLarge("a length beyond 32 bits", "4294967297", 1000),
  tooLarge("a length beyond 64 bits", "18446744073709551617", 1000),
  tooLarge("a length beyond all", "9".repeat(99), 1000),
  received(
    "a body until the end, as large as may be",
    "response",
    "HTTP/1.1 200 OK\r\n\r\nhello",
    ["head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'", "body-part a 'hello'"],
    {
      max: 5,
      after: [
        ["ended", "a"],
        ["events", "body-last a ''", "http-end a", "disconnected a *"],
        ["wire", "close a orderly"],
      ],
    },
  ),
  received(
    "of a byte more",
    "response",
    "HTTP/1.1 200 OK\r\n\r\nhello!more",
    [
      "head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'",
      "body-part a 'hello'",
      "http-end a ERR_BODY_TOO_LARGE 0",
    ],
    { max: 5 },
  ),
  received(
    "no body is too large where none comes",
    "response+no-body",
    `HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n`,
    ["head a 200 keep-alive 'HTTP/1.1 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\n'", "http-end a"],
    { max: 5 },
  ),
];

const REQUEST = `${HOST}\r\n`;
const reported = [lineOf("head a 0 keep-alive", REQUEST), "http-end a"];

const reading = [
  {
    name: "each message is asked for",
    steps: [
      ["open-tcp", "a"],
      ["rx", "a", "hello"],
      ["events", "data a 'hello'"],
      ["http-read", "a", "request", 0],
      ["http-read", "a", "request", 0, "ERR_STATE"],
      ["rx", "a", `${REQUEST}${REQUEST}`],
      ["events", ...reported, lineOf("data a", REQUEST)],
      ["stats", "a", 5 + 2 * REQUEST.length, 0, 1, 0],
      ["http-read", "a", "request", 0],
      ["unread", "a", REQUEST],
      ["events", ...reported],
      ["stats", "a", 5 + 2 * REQUEST.length, 0, 1, 0],
      ["unread", "a", "bye"],
      ["events", "data a 'bye'"],
    ],
  },
  {
    name: "what cannot be asked for",
    steps: [
      ["tcp", "a", "h", 80],
      ["http-read", "a", "request", 0, "ERR_STATE"],
      ["wire", "open a tcp h 80"],
      ["connected", "a"],
      ["events", "connected a"],
      ["http-read", "a", "unknown", 0, "ERR_ARGUMENT"],
      ["http-read", "a", "no-body", 0, "ERR_ARGUMENT"],
      ["http-read", "a", "tunnel", 0, "ERR_ARGUMENT"],
      ["http-read", "a", "request", 0],
      ["close", "a"],
      ["http-read", "a", "request", 0, "ERR_HANDLE"],
      ["events", "disconnected a *"],
      ["wire", "close a orderly"],
      ["open-ws", "w"],
      ["http-read", "w", "request", 0, "ERR_HANDLE"],
      ["http-read", 0, "request", 0, "ERR_HANDLE"],
    ],
  },
  {
    name: "no memory to read with",
    steps: [
      ["limit", "textPool", 256],
      ["open-tcp", "a"],
      ["open-tcp", "b"],
      ["open-tcp", "c"],
      ["http-read", "a", "request", 0],
      ["http-read", "b", "request", 0, "ERR_MEMORY"],
      ["rx", "a", REQUEST],
      ["events", ...reported],
      ["http-read", "b", "request", 0],
    ],
  },
  {
    name: "after an error what comes is dropped, and answers are sent",
    steps: [
      ["open-tcp", "a"],
      ["http-read", "a", "request", 0],
      ["rx", "a", " GET / HTTP/1.1\r\n"],
      ["events", "http-end a ERR_HTTP 400"],
      ["http-read", "a", "request", 0, "ERR_STATE"],
      ["rx", "a", REQUEST],
      ["events"],
      ["http-send", "a", "close", 400, "Bad Request", 0, ""],
      ["wire", "write a 'HTTP/1.1 400 Bad Request\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n'"],
      ["ended", "a"],
      ["events", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a body counts for the window, heads do not",
    steps: [
      ["open-tcp", "a"],
      ["window", "a", 4],
      ["http-read", "a", "request", 100],
      ["rx", "a", sized(6)],
      ["events", lineOf("head a 0 keep-alive+body", sized(6))],
      ["wire"],
      ["rx", "a", "hel"],
      ["wire"],
      ["rx", "a", "l"],
      ["wire", "read a off"],
      ["rx", "a", "o!"],
      ["events", "body-part a 'hell'"],
      ["consumed", "a", 4],
      ["wire", "read a on"],
      ["events", "body-last a 'o!'", "http-end a"],
    ],
  },
  {
    name: "an idle connection ends while a request is awaited",
    steps: [
      ["open-tcp", "a"],
      ["http-read", "a", "request", 0],
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 0", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "an empty line and an end are no request",
    steps: [
      ["open-tcp", "a"],
      ["http-read", "a", "request", 0],
      ["rx", "a", "\r\n"],
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 0", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "half open: the answer follows the peer's end",
    steps: [
      ["open-tcp", "a"],
      ["half-open", "a", 1],
      ["http-read", "a", "request", 0],
      ["rx", "a", `${REQUEST}${REQUEST}`],
      ["events", ...reported, lineOf("data a", REQUEST)],
      ["ended", "a"],
      ["events", "ended a"],
      ["http-read", "a", "request", 0],
      ["unread", "a", REQUEST.slice(0, 9)],
      ["unread", "a", REQUEST.slice(9)],
      ["events", ...reported],
      ["http-read", "a", "request", 0],
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 0"],
      ["http-send", "a", "none", 204, "x:00", 0, ""],
      ["wire", "write a 'HTTP/1.1 204 \\r\\n\\r\\n'"],
    ],
  },
  {
    name: "an end that is given back ends a body",
    steps: [
      ["open-tcp", "a"],
      ["half-open", "a", 1],
      ["rx", "a", "HTTP/1.1 200 OK\r\n\r\nhello"],
      ["ended", "a"],
      ["events", lineOf("data a", "HTTP/1.1 200 OK\r\n\r\nhello"), "ended a"],
      ["http-read", "a", "response", 100],
      ["unread", "a", "HTTP/1.1 200 OK\r\n\r\nhello"],
      ["ended", "a"],
      ["events", "head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'", "body a 'hello'", "http-end a"],
    ],
  },
  {
    name: "a deadline for a head that never ends",
    steps: [
      ["open-tcp", "a"],
      ["http-read", "a", "request", 0],
      ["deadline", "a", "read", 1000],
      ["rx", "a", "GET / HTTP/1.1\r\nX:"],
      ["time", 999],
      ["events", "head-part a 'GET / HTTP/1.1\\r\\nX:'"],
      ["rx", "a", "y"],
      ["time", 1],
      ["events", "head-more a 'y'", "deadline a read"],
    ],
  },
  {
    name: "a message is left behind by the next connection",
    steps: [
      ["open-tcp", "a"],
      ["reconnect", "a", 1],
      ["http-read", "a", "response", 100],
      ["http-send", "a", "part", 0, "PUT|/|Host|h", 1, "x"],
      ["wire", "write a *"],
      ["rx", "a", "HTTP/1.1 200 OK\r\n\r\nhello"],
      ["closed", "a", "ERR_RESET"],
      [
        "events",
        "head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'",
        "body-part a 'hello'",
        "error a ERR_RESET receive 0 retry 1000",
        "disconnected a ERR_RESET unsent 0 retry 1000",
      ],
      ["time", 1000],
      ["wire", "open a tcp h 80"],
      ["connected", "a"],
      ["rx", "a", "data"],
      ["events", "connected a", "data a 'data'"],
      ["http-body", "a", "last", "", "", 0, "ERR_STATE"],
      ["http-send", "a", "none", 0, "GET|/|Host|h", 1, ""],
      ["wire", "write a 'GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n'"],
    ],
  },
];

export const httpLimits = () => ({
  suite: "http-limits",
  source: "RFC 9112 2.3, 3, 7.1.1; RFC 6585 5; RFC 9110 15.5",
  cases: [...lines, ...heads, ...counts, ...bodies, ...reading],
});
