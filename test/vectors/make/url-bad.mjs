// URLs that are refused.

import { bad, longest, refused } from "./url-step.mjs";

export const badUrls = [
  {
    name: "ports out of range",
    steps: [
      "0",
      "00",
      "65536",
      "65537",
      "70000",
      "99999",
      "131152",
      "4294967376",
      "18446744073709551696",
      "9".repeat(60),
    ].flatMap((port) => [
      ["url", `ws://h:${port}/`, "ERR_PORT"],
      ["url", `wss://[::1]:${port}`, "ERR_PORT"],
    ]),
  },
  {
    name: "ports that are no numbers",
    steps: bad(
      "ws://h:-1/",
      "ws://h:+1/",
      "ws://h:8o/",
      "ws://h:80:80/",
      "ws://h:0x50/",
      "ws://h:1.5/",
      "ws://h:\u0661/",
      "ws://h:80a",
      "ws://[::1]:x/",
    ),
  },
  {
    name: "schemes",
    steps: [
      ...bad("", "ws", "ws:", "ws:/", "ws://", "wss://", "ws//h", "://h"),
      ...refused(
        "http://h/",
        "https://h/",
        "w://h/",
        "wsss://h/",
        "ws:h",
        "ws:/h",
        "wss:///h",
        "file:///ws://h",
        "\u0000ws://h",
      ),
    ],
  },
  {
    name: "no host",
    steps: [...bad("ws://:80/", "ws://?q", "ws://[]/", "ws://::1/"), ...refused("ws:///", "ws:///h")],
  },
  {
    name: "bad hosts",
    steps: [
      ...bad(
        "ws://a b/",
        "ws://a<b/",
        "ws://a>b/",
        "ws://a^b/",
        "ws://a|b/",
        "ws://a%zz/",
        "ws://a[b/",
        "ws://a]b/",
        "ws://%/",
        "ws://a\u0000b/",
      ),
      ...refused("ws://a`b/", 'ws://a"b/', "ws://a{b}/"),
    ],
  },
  {
    name: "hosts: no escapes, no Unicode; a door encodes names",
    steps: refused("ws://%61/", "ws://b\u00fccher.example/", "ws://\uff41/", "ws://a\u00ad/"),
  },
  {
    name: "hosts: at most 253 bytes",
    steps: [
      ["url", `ws://${longest}c/`, "ERR_URL"],
      ["url", `ws://${"a.".repeat(5000)}/`, "ERR_URL"],
    ],
  },
  {
    name: "hosts that end in a number are IPv4, of the strict form",
    steps: [
      ...bad("ws://256.1.1.1/", "ws://1.2.3.4.5/", "ws://a.1/", "ws://1.2.3.08/"),
      ...refused(
        "ws://1.2.3/",
        "ws://127.1/",
        "ws://2130706433/",
        "ws://0x7f.1/",
        "ws://0x7f000001/",
        "ws://01.2.3.4/",
        "ws://1.2.3.4./",
        "ws://0x/",
        "ws://0XF/",
      ),
    ],
  },
  {
    name: "bad IPv6",
    steps: bad(
      "ws://[::1/",
      "ws://::1]/",
      "ws://[::1]x/",
      "ws://[::1]80/",
      "ws://[:1]/",
      "ws://[1.2.3.4]/",
      "ws://[::g]/",
      "ws://[1:2:3:4:5:6:7:8:9]/",
      "ws://[::1%25eth0]/",
      "ws://[fe80::1%eth0]/",
      "ws://[v1.x]/",
      "ws://[[::1]]/",
      "ws://[::1]]/",
      "ws://a[::1]/",
      "ws://[",
      "ws://[::1",
    ),
  },
  {
    name: "no user",
    steps: refused("ws://u@h/", "ws://u:p@h/", "ws://@h/", "ws://:@h/", "ws://u:80@h/", "ws://a@b@h/", "ws://u@[::1]/"),
  },
  {
    name: "RFC 6455 3: no fragment",
    steps: refused("ws://h#", "ws://h/#", "ws://h/#f", "ws://h?q#f", "ws://h:80#f", "ws://#"),
  },
  {
    name: "controls, space and backslash, anywhere",
    steps: ["\t", "\n", "\r", "\0", "\x1f", "\x7f", " ", "\\"].flatMap((c) =>
      refused(
        `${c}ws://h/`,
        `ws:${c}//h/`,
        `ws://${c}h/`,
        `ws://h${c}/`,
        `ws://h:8${c}0/`,
        `ws://h/a${c}b`,
        `ws://h?a${c}b`,
        `ws://h/${c}`,
      ),
    ),
  },
];
