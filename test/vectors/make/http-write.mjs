// Messages that are sent. The texts of a head are joined by "|", which stands for the NUL that ends each.

import { lineOf } from "./show.mjs";

const text = (value) => (value === "" ? "x:00" : value);

/** A case on an open stream: each of `sends` is what is called, then what it writes. */
const session = (name, ...steps) => ({ name, steps: [["open-tcp", "a"], ...steps] });
const wrote = (bytes) => ["wire", lineOf("write a", bytes)];
const send = (flags, status, head, count, body, ...result) => [
  "http-send",
  "a",
  flags,
  status,
  text(head),
  count,
  body,
  ...result,
];
const body = (flags, data, ...rest) => ["http-body", "a", flags, data, ...rest];

const answer = (name, flags, status, head, count, data, bytes) =>
  session(name, send(flags, status, head, count, data, bytes.length), wrote(bytes));
const ask = (name, head, count, data, bytes, flags = "none") =>
  session(name, send(flags, 0, head, count, data, Buffer.byteLength(bytes)), wrote(bytes));
/** Nothing is written, and what is right can be sent behind it. */
const refused = (name, flags, status, head, count, data, error) =>
  session(
    name,
    ["http-send", "a", flags, status, head, count, data, error],
    ["wire"],
    ["buffered", "a", 0],
    send("none", 204, "", 0, ""),
    wrote("HTTP/1.1 204 \r\n\r\n"),
  );

const responses = [
  // RFC 9110 6.2: each message has the version of ours.
  answer("a body", "none", 200, "OK|X|y", 1, "hello", "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello"),
  answer("no body", "none", 200, "OK", 0, "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
  answer("an empty reason, RFC 9112 4", "none", 404, "", 0, "", "HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n"),
  answer("close", "close", 599, "x", 0, "", "HTTP/1.1 599 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
  answer(
    "its length is given",
    "none",
    200,
    "OK|content-length|5",
    1,
    "hello",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
  ),
  answer("an empty value", "none", 200, "OK|X|", 1, "", "HTTP/1.1 200 OK\r\nX: \r\nContent-Length: 0\r\n\r\n"),
  answer("100", "none", 100, "Continue", 0, "", "HTTP/1.1 100 Continue\r\n\r\n"),
  answer(
    "101",
    "none",
    101,
    "x|Upgrade|y|Connection|upgrade",
    2,
    "",
    "HTTP/1.1 101 x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n",
  ),
  answer("103", "none", 103, "Early Hints|Link|y", 1, "", "HTTP/1.1 103 Early Hints\r\nLink: y\r\n\r\n"),
  answer("204 has no length, RFC 9110 8.6", "none", 204, "x", 0, "", "HTTP/1.1 204 x\r\n\r\n"),
  answer(
    "205 has an empty body, RFC 9110 15.3.6",
    "none",
    205,
    "x",
    0,
    "",
    "HTTP/1.1 205 x\r\nContent-Length: 0\r\n\r\n",
  ),
  answer("304", "none", 304, "x", 0, "", "HTTP/1.1 304 x\r\n\r\n"),
  answer(
    "304 gives the length of another body",
    "none",
    304,
    "x|Content-Length|9",
    1,
    "",
    "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
  ),
  answer("to HEAD", "head-only", 200, "OK|Content-Length|9", 1, "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
  answer(
    "to HEAD without a length",
    "head-only+close",
    200,
    "OK",
    0,
    "",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
  ),
  answer("bytes of a reason and a value", "none", 204, "a\t b|X|\t c", 1, "", "HTTP/1.1 204 a\t b\r\nX: \t c\r\n\r\n"),
  session(
    "an interim response before the last",
    send("none", 100, "", 0, ""),
    send("none", 200, "", 0, "x"),
    wrote("HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx"),
  ),
];

const requests = [
  ask("GET", "GET|/|Host|h", 1, "", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
  ask("a body", "PUT|/a?b|Host|h", 1, "hello", "PUT /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
  ask(
    "POST states that its body is empty, RFC 9110 8.6",
    "POST|/|Host|h",
    1,
    "",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
  ),
  ask("PUT, too", "PUT|/|Host|h", 1, "", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
  ask("PATCH, too", "PATCH|/|Host|h", 1, "", "PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
  ask("DELETE does not", "DELETE|/|Host|h", 1, "", "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n"),
  ask("a GET with a body", "GET|/|Host|h", 1, "x", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"),
  ask(
    "an empty length",
    "GET|/|Host|h|Content-Length|0",
    2,
    "",
    "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
  ),
  ask("CONNECT", "CONNECT|h:443|Host|h:443", 1, "", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"),
  ask("OPTIONS", "OPTIONS|*|hOsT|h", 1, "", "OPTIONS * HTTP/1.1\r\nhOsT: h\r\n\r\n"),
  ask("an absolute target", "GET|http://h/|Host|h", 1, "", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"),
  ask("close", "GET|/|Host|h", 1, "", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "close"),
  ask("a value of UTF-8", "GET|/|Host|h|X|é", 2, "", "GET / HTTP/1.1\r\nHost: h\r\nX: é\r\n\r\n"),
];

const header = (name, status, head, count) => refused(name, "none", status, head, count, "", "ERR_HEADER");
const injections = [
  header("CR LF in a reason", 200, "OK\r\nX: y", 0),
  header("CR in a reason", 200, "OK\r", 0),
  header("LF in a reason", 200, "OK\n", 0),
  header("DEL in a reason", 200, "OK\x7f", 0),
  header("CR LF in a value", 200, "OK|X|y\r\nZ: z", 1),
  header("LF in a value", 200, "OK|X|y\nZ: z", 1),
  header("CR in a value", 200, "OK|X|y\r", 1),
  header("an ESC in a value", 200, "OK|X|\x1b", 1),
  header("an empty name", 200, "OK||y", 1),
  header("a colon in a name", 200, "OK|X:|y", 1),
  header("a space in a name", 200, "OK|X |y", 1),
  header("CR LF in a name", 200, "OK|X\r\nZ|y", 1),
  header("UTF-8 in a name", 200, "OK|é|y", 1),
  header("NUL in a reason makes the texts too many", 200, "x:'OK' 00 'X' 00 'Y' 00 'z' 00", 1),
  header("NUL in a value", 200, "x:'OK' 00 'X' 00 'y' 00 'z' 00", 1),
  header("NUL in the last value", 200, "x:'OK' 00 'X' 00 'y' 00 00", 1),
  header("a text without its NUL", 200, "x:'OK' 00 'X' 00 'y'", 1),
  header("no texts", 200, "", 0),
  header("fewer fields than announced", 200, "OK|X|y", 2),
  header("more than announced", 200, "OK|X|y", 0),
  header("a name without a value", 200, "OK|X", 1),
  header("a method that is empty", 0, "|/|Host|h", 1),
  header("a space in a method", 0, "G ET|/|Host|h", 1),
  header("CR LF in a method", 0, "GET / HTTP/1.1\r\n\r\nGET|/|Host|h", 1),
  header("a target that is empty", 0, "GET||Host|h", 1),
  header("no target", 0, "GET", 0),
  header("a space in a target", 0, "GET|/ HTTP/1.1\r\nX: y|Host|h", 1),
  header("a space alone in a target", 0, "GET|/ |Host|h", 1),
  header("a DEL in a target", 0, "GET|/\x7f|Host|h", 1),
  header("a tab in a target", 0, "GET|/\t|Host|h", 1),
  header("a control in a target", 0, "GET|/\x01|Host|h", 1),
  header("UTF-8 in a target", 0, "GET|/é|Host|h", 1),
  header("no Host, RFC 9112 3.2", 0, "GET|/", 0),
  header("two Hosts", 0, "GET|/|Host|h|host|i", 2),
  header("Transfer-Encoding", 200, "OK|Transfer-Encoding|chunked", 1),
  header("transfer-encoding", 0, "GET|/|Host|h|transfer-encoding|x", 2),
  header("two Content-Lengths", 200, "OK|Content-Length|0|content-length|0", 2),
  header("a Content-Length that is none", 200, "OK|Content-Length|x", 1),
  header("an empty Content-Length", 200, "OK|Content-Length|", 1),
  header("a Content-Length with a sign", 200, "OK|Content-Length|+0", 1),
  header("a Content-Length with a space", 200, "OK|Content-Length|0 ", 1),
  header("a list of Content-Lengths", 200, "OK|Content-Length|0, 0", 1),
  header("a Content-Length beyond 64 bits", 200, "OK|Content-Length|18446744073709551616", 1),
  header("a Content-Length with 204, RFC 9110 8.6", 204, "OK|Content-Length|0", 1),
  header("a Content-Length with 100", 100, "OK|Content-Length|0", 1),
  header("a Content-Length with CONNECT", 0, "CONNECT|h:1|Host|h|Content-Length|0", 2),
];

const argument = (name, flags, status, head, count, data) =>
  refused(name, flags, status, head, count, data, "ERR_ARGUMENT");
const lengths = [
  refused("a longer body than Content-Length says", "none", 200, "OK|Content-Length|4", 1, "hello", "ERR_HTTP_LENGTH"),
  refused("a shorter one", "none", 200, "OK|Content-Length|6", 1, "hello", "ERR_HTTP_LENGTH"),
  refused("a first part that is longer already", "part", 200, "OK|Content-Length|4", 1, "hello", "ERR_HTTP_LENGTH"),
  argument("status 99", "none", 99, "OK", 0, ""),
  argument("status 600", "none", 600, "OK", 0, ""),
  argument("a flag that does not exist", "unknown", 200, "OK", 0, ""),
  argument("a request to answer HEAD with", "head-only", 0, "GET|/|Host|h", 1, ""),
  argument("a body to HEAD", "head-only", 200, "OK", 0, "x"),
  argument("a body with 100", "none", 100, "OK", 0, "x"),
  argument("a body with 204", "none", 204, "OK", 0, "x"),
  argument("a body with 205", "none", 205, "OK", 0, "x"),
  argument("a body with 304", "none", 304, "OK", 0, "x"),
  argument("a body with CONNECT", "none", 0, "CONNECT|h:1|Host|h", 1, "x"),
  argument("parts with 204", "part", 204, "OK", 0, ""),
  argument("parts with HEAD", "part+head-only", 200, "OK", 0, ""),
  argument("until-close without parts", "until-close", 200, "OK", 0, ""),
  argument("until-close of a request, RFC 9112 6.3", "part+until-close", 0, "PUT|/|Host|h", 1, ""),
  refused("until-close with a length", "part+until-close", 200, "OK|Content-Length|1", 1, "", "ERR_HEADER"),
];

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const parts = [
  session(
    "chunks",
    send("part", 200, "OK", 0, "hello"),
    body("more", "0123456789abcdef"),
    body("last", ""),
    wrote(`${CHUNKED}5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n`),
    send("none", 204, "", 0, ""),
    wrote("HTTP/1.1 204 \r\n\r\n"),
  ),
  session(
    "an empty part is no chunk: it would be the last",
    send("part", 200, "OK", 0, ""),
    body("more", ""),
    wrote(CHUNKED),
    body("more", "x"),
    body("more", ""),
    body("last", "y"),
    wrote("1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"),
  ),
  session(
    "a request in chunks",
    send("part+close", 0, "PUT|/|Host|h", 1, ""),
    body("last", "x"),
    wrote("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
  ),
  // RFC 9112 6.2: with a length there is no Transfer-Encoding.
  session(
    "a body of which all parts are as long as Content-Length says",
    send("part", 200, "OK|Content-Length|10", 1, "hello"),
    body("more", ""),
    body("more", "worlds", "", 0, "ERR_HTTP_LENGTH"),
    body("last", "worl", "", 0, "ERR_HTTP_LENGTH"),
    body("more", "worl"),
    body("last", "", "", 0, "ERR_HTTP_LENGTH"),
    body("more", "d"),
    body("more", "!", "", 0, "ERR_HTTP_LENGTH"),
    body("last", ""),
    wrote("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhelloworld"),
    body("last", "", "", 0, "ERR_STATE"),
  ),
  session(
    "a first part that is all",
    send("part", 200, "OK|Content-Length|5", 1, "hello"),
    body("more", "!", "", 0, "ERR_HTTP_LENGTH"),
    body("last", ""),
    wrote("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
  ),
  session(
    "a body until the connection ends",
    send("part+until-close", 200, "OK", 0, "hel"),
    body("more", "l"),
    body("last", "o"),
    wrote("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"),
    body("last", "", "", 0, "ERR_STATE"),
    ["http-send", "a", "none", 204, "x:00", 0, "", "ERR_STATE"],
  ),
  session(
    "trailers",
    send("part", 200, "OK", 0, ""),
    body("more", "x", "X|y", 1, "ERR_ARGUMENT"),
    body("last", "x", "X|y\r\n", 1, "ERR_HEADER"),
    body("last", "x", "X y|z", 1, "ERR_HEADER"),
    body("last", "x", "X|y", 2, "ERR_HEADER"),
    body("last", "x", "X|y", 0, "ERR_HEADER"),
    body("last", "x", "x:'X' 00 'y'", 1, "ERR_HEADER"),
    body("last", "x", "Content-Length|1", 1, "ERR_HEADER"),
    body("last", "x", "transfer-encoding|chunked", 1, "ERR_HEADER"),
    body("last", "x", "X|y|Host|h", 2, "ERR_HEADER"),
    body("last", "x", "X|y|Z|", 2),
    wrote(`${CHUNKED}1\r\nx\r\n0\r\nX: y\r\nZ: \r\n\r\n`),
  ),
  session(
    "no trailers but behind chunks",
    send("part", 200, "OK|Content-Length|1", 1, ""),
    body("last", "x", "X|y", 1, "ERR_ARGUMENT"),
    body("last", "x"),
    wrote("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
  ),
  session(
    "one message after the other",
    body("more", "x", "", 0, "ERR_STATE"),
    send("part", 200, "OK", 0, ""),
    ["http-send", "a", "none", 200, "OK", 0, "", "ERR_STATE"],
    body("unknown", "x", "", 0, "ERR_ARGUMENT"),
    body("last", ""),
    body("last", "", "", 0, "ERR_STATE"),
    send("none", 200, "OK", 0, ""),
    wrote(`${CHUNKED}0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`),
  ),
];

const FULL = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n0123456789abcdef";
const room = [
  {
    name: "whole or not at all",
    steps: [
      ["limit", "sendBuffer", FULL.length],
      ["open-tcp", "a"],
      ["take", "a", 0],
      ["http-send", "a", "none", 200, "OK", 0, "0123456789abcdefg", "ERR_TOO_LARGE"],
      ["http-send", "a", "none", 200, "OK", 0, "0123456789abcdef", FULL.length],
      ["http-send", "a", "none", 200, "OK", 0, "0123456789abcdef", "ERR_BACKPRESSURE"],
      ["buffered", "a", FULL.length],
      ["take", "a", "all"],
      ["written", "a", FULL.length],
      ["events", "drain a"],
      ["wire", lineOf("write a", FULL)],
      ["http-send", "a", "none", 200, "OK", 0, "0123456789abcdef"],
      ["wire", lineOf("write a", FULL)],
    ],
  },
  {
    name: "a part is whole, its framing included, or not at all",
    steps: [
      ["limit", "sendBuffer", 64],
      ["open-tcp", "a"],
      ["http-send", "a", "part", 200, "OK", 0, ""],
      ["wire", lineOf("write a", CHUNKED)],
      ["take", "a", 0],
      ["http-body", "a", "more", "x".repeat(59), "", 0, "ERR_TOO_LARGE"],
      ["http-body", "a", "last", "x".repeat(54), "", 0, "ERR_TOO_LARGE"],
      ["http-body", "a", "more", "x".repeat(58)],
      ["buffered", "a", 64],
      ["http-body", "a", "last", "", "", 0, "ERR_BACKPRESSURE"],
      ["take", "a", "all"],
      ["written", "a", 64],
      ["events", "drain a"],
      ["http-body", "a", "last", ""],
      ["wire", lineOf("write a", `3a\r\n${"x".repeat(58)}\r\n0\r\n\r\n`)],
    ],
  },
  {
    name: "not on what is not open",
    steps: [
      ["tcp", "a", "h", 80],
      ["http-send", "a", "none", 204, "x:00", 0, "", "ERR_STATE"],
      ["wire", "open a tcp h 80"],
      ["connected", "a"],
      ["events", "connected a"],
      ["shutdown", "a"],
      ["wire", "shutdown a"],
      ["http-send", "a", "none", 204, "x:00", 0, "", "ERR_STATE"],
      ["http-body", "a", "last", "", "", 0, "ERR_STATE"],
      ["close", "a"],
      ["http-send", "a", "none", 204, "x:00", 0, "", "ERR_HANDLE"],
      ["http-body", "a", "last", "", "", 0, "ERR_HANDLE"],
      ["events", "disconnected a *"],
      ["wire", "close a orderly"],
      ["open-ws", "w"],
      ["http-send", "w", "none", 204, "x:00", 0, "", "ERR_HANDLE"],
    ],
  },
];

export const httpWrite = () => ({
  suite: "http-write",
  source: "RFC 9112 3, 4, 5, 6, 7.1; RFC 9110 5.5, 5.6.2, 6.5.1, 8.6, 9.3.6",
  cases: [...responses, ...requests, ...injections, ...lengths, ...parts, ...room],
});
