// Header fields.

import { bad, badField, field, fieldAndBad, line, OK, request, response, tokenBytes } from "./head-step.mjs";

const controls = Array.from({ length: 32 }, (_, i) => i)
  .filter((i) => i !== 9 && i !== 13)
  .concat(127);
const hex = (byte) => byte.toString(16).padStart(2, "0");
const okHex = Buffer.from(OK).toString("hex");

export const fields = [
  {
    name: "fields",
    steps: [
      field("a:b", "a", "b"),
      field("a: b", "a", "b"),
      field("a:  \t b", "a", "b"),
      field("a:b \t ", "a", "b"),
      field("a: b\tc  d ", "a", "b\tc  d"),
      field("a:", "a", ""),
      field("a: ", "a", ""),
      field("a: \t \t", "a", ""),
      field("a::b", "a", ":b"),
      field("a: b:c", "a", "b:c"),
      field(`${tokenBytes}: x`, tokenBytes, "x"),
      field('X: "quoted \\" string", (comment) <{[|]}>@,;=?/', "X", '"quoted \\" string", (comment) <{[|]}>@,;=?/'),
      field("X: \u00e9\u20ac", "X", "\u00e9\u20ac"),
      field(`X: ${"v".repeat(300)}`, "X", "v".repeat(300)),
      response(
        `${OK}a: 1\r\na: 2\r\nB:\r\nA: 3\r\n\r\n`,
        ...line,
        "name a",
        "value 1",
        "name a",
        "value 2",
        "name B",
        "value ",
        "name A",
        "value 3",
      ),
      request("GET / HTTP/1.1\r\nHost: h\r\n\r\n‖\r\n", "method GET", "target /", "version 1", "name Host", "value h"),
    ],
  },
  {
    name: "bad field names",
    steps: ["‖: b\r\n", "‖ a: b\r\n", "‖\ta: b\r\n", "‖\0", "‖(a): b", '‖"a": b', "‖\u00e9: b", "‖\n"]
      .map((text) => badField(text))
      .concat(
        [
          "a‖ : b",
          "a‖\t: b",
          "a‖ b: c",
          "a‖\r\n",
          "a‖\n",
          "a‖/: b",
          "a‖@: b",
          "a‖=b",
          "a‖\u00e9: b",
          "a‖\x7f: b",
          "a‖\0: b",
          "a‖(b): c",
          "a‖,b: c",
          "a‖;b: c",
          "a‖[: c",
          "a‖\\: c",
          "a‖]: c",
          "a‖{: c",
          "a‖}: c",
          "a‖<: c",
          "a‖>: c",
          "a‖?: c",
          'a‖": c',
        ].map((text) => fieldAndBad(text)),
      ),
  },
  {
    name: "RFC 9112 5.2: no folded lines",
    steps: [
      fieldAndBad("a: b\r\n‖ c\r\n\r\n", "name a", "value b"),
      fieldAndBad("a: b\r\n‖\tc\r\n\r\n", "name a", "value b"),
      fieldAndBad("a:\r\n‖ b\r\n\r\n", "name a", "value "),
    ],
  },
  {
    name: "RFC 9112 2.2: no bare CR, no bare LF",
    steps: ["a: b‖\nc: d\r\n\r\n", "a:‖\n", "a: ‖\n", "a: b\r‖c\r\n", "a: b\r‖\r\n", "a: b\r‖ \n", "a:\r‖x", "a: \r‖:"]
      .map((text) => fieldAndBad(text))
      .concat([
        bad("response", `${OK}\r‖\r\n`, "status 200 1"),
        bad("response", `${OK}\r‖a: b`, "status 200 1"),
        fieldAndBad("a: b\r\n\r‖\r", "name a", "value b"),
        fieldAndBad("a: b\r\n‖\n", "name a", "value b"),
      ]),
  },
  {
    name: "controls in values",
    steps: controls.map((byte) => [
      "head",
      "response",
      `x:${okHex}'a: b'${hex(byte)}'c\\r\\n'`,
      "status 200 1",
      "reason OK",
      `error ERR_HTTP at ${OK.length + 4}`,
    ]),
  },
];
