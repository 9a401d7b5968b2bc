import { received } from "./http-step.mjs";
import { lineOf } from "./show.mjs";

const HEAD = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const head = lineOf("head a 0 keep-alive+body+chunked", HEAD);

/** Chunks that are a body; what stands behind the mark is the stream's again. */
function good(name, text, body, trailers = "", options = {}) {
  const [chunks, rest = ""] = text.split("‖");
  const events = [head, lineOf("body a", body)];
  if (trailers !== "") events.push(lineOf("trailer a", trailers));
  return received(
    name,
    "request",
    HEAD + chunks + rest,
    [...events, "http-end a", ...(rest === "" ? [] : [lineOf("data a", rest)])],
    options,
  );
}

/** Chunks that break the rules behind so much of a body. */
function bad(name, text, body = "", { error = "ERR_HTTP 400", ...options } = {}) {
  const part = body === "" ? [] : [lineOf("body-part a", body)];
  return received(name, "request", HEAD + text, [head, ...part, `http-end a ${error}`], options);
}

/** A trailer section that breaks them: it stands behind "0 CRLF", up to the given mark. */
function badTrailer(name, text) {
  const [before, rest] = text.split("‖");
  const reported = before === "" ? [] : [lineOf("trailer-part a", before)];
  return received(name, "request", `${HEAD}0\r\n${before}${rest}`, [
    head,
    "body a ''",
    ...reported,
    "http-end a ERR_HTTP 400",
  ]);
}

const sizes = [
  good("one chunk", "5\r\nhello\r\n0\r\n\r\n‖GET", "hello"),
  good("three", "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n‖GET", "abcdef"),
  good("none", "0\r\n\r\n‖GET", ""),
  good("hex in both cases", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
  good("sixteen digits", "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello"),
  good("two digits", `1f\r\n${"x".repeat(31)}\r\n0\r\n\r\n`, "x".repeat(31)),
  good("data that looks like framing", "9\r\n\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r\n"),
  bad("seventeen digits", "00000000000000005\r\nhello\r\n"),
  bad("no size", "\r\nhello\r\n"),
  bad("a sign", "+5\r\nhello\r\n"),
  bad("a minus", "-5\r\nhello\r\n"),
  bad("0x", "0x5\r\nhello\r\n"),
  bad("no hex", "g\r\n"),
  bad("an underscore", "1_0\r\n"),
  bad("a space before the size", " 5\r\nhello\r\n"),
  bad("a space behind the size", "5 \r\nhello\r\n"),
  bad("a tab behind the size", "5\t\r\nhello\r\n"),
  bad("a space before an extension", "5 ;a\r\nhello\r\n"),
  bad("a bare LF behind the size", "5\nhello\r\n"),
  bad("a bare CR behind the size", "5\rhello\r\n"),
  bad("two CRs", "5\r\r\nhello\r\n"),
  bad("a NUL", "5\0\r\nhello\r\n"),
  bad("a chunk that is longer than its size", "5\r\nhello!\r\n", "hello"),
  bad("a chunk that is shorter", "5\r\nhell\r\n0\r\n\r\n", "hell\r"),
  bad("a bare LF behind the data", "5\r\nhello\n0\r\n\r\n", "hello"),
  bad("a bare CR behind the data", "5\r\nhello\r0\r\n\r\n", "hello"),
  bad("nothing behind the data", "5\r\nhello0\r\n\r\n", "hello"),
  bad("a size that wraps around 64 bits", "ffffffffffffffff\r\n", "", { error: "ERR_BODY_TOO_LARGE 413" }),
  bad("a size that wraps around 32 bits", "100000005\r\nhello\r\n", "", { error: "ERR_BODY_TOO_LARGE 413" }),
  bad("a size of more than 64 bits", "10000000000000005\r\nhello\r\n"),
];

const extensions = [
  good("a name", "5;a\r\nhello\r\n0\r\n\r\n", "hello"),
  good("a name and a token", "5;a=b\r\nhello\r\n0;c=d\r\n\r\n", "hello"),
  good("several", "5;a=b;c;d=e\r\nhello\r\n0\r\n\r\n", "hello"),
  good("a quoted value", '5;a="b c;\\"\té"\r\nhello\r\n0\r\n\r\n', "hello"),
  good("an empty quoted value", '5;a=""\r\nhello\r\n0\r\n\r\n', "hello"),
  good("a quoted backslash", '5;a="\\\\";b\r\nhello\r\n0\r\n\r\n', "hello"),
  bad("no name", "5;\r\nhello\r\n"),
  bad("no name, two", "5;;a\r\nhello\r\n"),
  bad("no name but a value", "5;=b\r\nhello\r\n"),
  bad("no value", "5;a=\r\nhello\r\n"),
  bad("a space before the name", "5; a\r\nhello\r\n"),
  bad("a space behind the name", "5;a \r\nhello\r\n"),
  bad("a space about =", "5;a =b\r\nhello\r\n"),
  bad("a space behind =", "5;a= b\r\nhello\r\n"),
  bad("a name that is no token", "5;a/b\r\nhello\r\n"),
  bad("a quote in a token", '5;a=b"c"\r\nhello\r\n'),
  bad("something behind a quoted value", '5;a="b"c\r\nhello\r\n'),
  bad("a quote that is open", '5;a="b\r\nhello\r\n'),
  bad("a bare LF in an extension", "5;a\nhello\r\n"),
  bad("a bare LF in a quoted value", '5;a="\n"\r\nhello\r\n'),
  bad("a bare CR in an extension", "5;a\rb\r\nhello\r\n"),
  bad("an escaped CR", '5;a="\\\r"\r\nhello\r\n'),
  bad("a control in a quoted value", '5;a="\x01"\r\nhello\r\n'),
];

const trailers = [
  good("a trailer", "5\r\nhello\r\n0\r\nX: y\r\n\r\n‖GET", "hello", "X: y\r\n\r\n"),
  good("two", "0\r\nX: y\r\nZ:\r\n\r\n", "", "X: y\r\nZ:\r\n\r\n"),
  good("Connection says nothing there", "0\r\nConnection: close\r\n\r\n‖GET", "", "Connection: close\r\n\r\n"),
  badTrailer("a bare LF for the empty line", "‖\n"),
  badTrailer("a CR alone", "‖\rX"),
  badTrailer("a space before the colon", "X‖ : y\r\n\r\n"),
  badTrailer("a folded line", "X: y\r\n‖ z\r\n\r\n"),
  badTrailer("a space first", "‖ X: y\r\n\r\n"),
  badTrailer("a bare LF", "X: y‖\n\r\n"),
  badTrailer("Content-Length, RFC 9110 6.5.1", "X: y\r\nContent-Length: 5\r\n‖\r\n"),
  badTrailer("Transfer-Encoding", "transfer-encoding: chunked\r\n‖\r\n"),
  badTrailer("Host", "HOST: h\r\n‖\r\n"),
];

const ends = [
  received("the stream ends in a chunk", "request", `${HEAD}5\r\nhell`, [head, "body-part a 'hell'"], {
    after: [
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 400", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  }),
  received("it ends before the last chunk", "request", `${HEAD}5\r\nhello\r\n`, [head, "body-part a 'hello'"], {
    after: [
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 400", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  }),
  received("it ends before the trailers do", "request", `${HEAD}0\r\n`, [head, "body a ''"], {
    after: [
      ["ended", "a"],
      ["events", "http-end a ERR_ENDED 400", "disconnected a *"],
      ["wire", "close a orderly"],
    ],
  }),
];

const bounds = [
  good("a body as large as may be", "5\r\nhello\r\n0\r\n\r\n", "hello", "", { max: 5 }),
  good("in two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", "", { max: 5 }),
  bad("one byte more", "6\r\nhello!\r\n", "", { max: 5, error: "ERR_BODY_TOO_LARGE 413" }),
  bad("one byte more in a second chunk", "5\r\nhello\r\n1\r\n!\r\n", "hello", {
    max: 5,
    error: "ERR_BODY_TOO_LARGE 413",
  }),
  good("no body may come and none does", "0\r\n\r\n", "", "", { max: 0 }),
  bad("no body may come", "1\r\nx", "", { max: 0, error: "ERR_BODY_TOO_LARGE 413" }),
];

export const httpChunked = () => ({
  suite: "http-chunked",
  source: "RFC 9112 7.1; RFC 9110 5.6.4, 6.5.1",
  cases: [...sizes, ...extensions, ...trailers, ...ends, ...bounds],
});
