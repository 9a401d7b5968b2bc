// An answer belongs before the close: what ends a connection takes effect after the application could answer to what came
// in front of it. RFC 6455 5.5.1 (a close frame is answered as soon as practical, messages may be sent before), 7.1.7; the
// suite of Autobahn echoes messages in front of a broken frame, too (cases 3.2 to 3.4, 4.1.3 to 4.1.5, 4.2.3 to 4.2.5, 5.15).

const SIDES = {
  client: { open: [["open-ws", "a"]], rx: "rx" },
  server: {
    open: [
      ["open-listener", "l"],
      ["open-served", "l", "a"],
    ],
    rx: "rx-masked",
  },
};

const PROTOCOL = ["ERR_WS_PROTOCOL", 1002];
const LOST = "disconnected a 1006 unsent 0 retry never";

/** Frames that break the protocol, and what they do. */
const broken = [
  ["a frame with RSV1", "c1 00", ...PROTOCOL],
  ["a frame with RSV2", "a1 00", ...PROTOCOL],
  ["a frame with RSV3", "91 00", ...PROTOCOL],
  ["an opcode that does not exist", "83 00", ...PROTOCOL],
  ["a control opcode that does not exist", "8b 00", ...PROTOCOL],
  ["a continuation of nothing", "80 00", ...PROTOCOL],
  ["a ping in fragments", "09 00", ...PROTOCOL],
  ["a close code that may not be sent", "8802 03ee", ...PROTOCOL],
  ["a close reason that is no UTF-8", "8803 03e8 ff", "ERR_WS_UTF8", 1007],
  ["text that is no UTF-8", "8101 ff", "ERR_WS_UTF8", 1007],
  ["a message that is too large", "82 7f 0000000000200000", "ERR_WS_TOO_BIG", 1009],
];

const answer = (text) => ["during", "ws-send", "a", "text", text];
const sent = (text) => `frame a text '${text}'`;
const QUESTIONS = "8102 'q1'  8102 'q2'";
const questions = ["message a text ascii 'q1'", "message a text ascii 'q2'"];
const answers = [answer("a1"), answer("a2")];

/** The failure of a connection, by the side. */
function failed(side, [error, code], before, after) {
  const closing = side === "server" ? [`frame a close ${code} ''`, "shutdown a"] : [`frame a close ${code} ''`];
  return [
    ["events", ...before, `error a ${error} receive ${code} retry never`],
    ["wire", ...after, ...closing],
    ["state", "a", "closing"],
    ["ended", "a"],
    ["events", LOST],
    ["wire", "close a orderly"],
  ];
}

/** Both close frames were exchanged. */
function closed(side, before, after) {
  const end = "disconnected a 1000 unsent 0 retry never clean";
  const frame = "frame a close 1000 ''";
  if (side === "server") {
    return [
      ["events", ...before, "close a 1000 ''", end],
      ["wire", ...after, frame, "close a orderly"],
    ];
  }
  return [
    ["events", ...before, "close a 1000 ''"],
    ["wire", ...after, frame],
    ["state", "a", "closing"],
    ["ended", "a"],
    ["events", end],
    ["wire", "close a orderly"],
  ];
}

/** The peer has ended without a close frame. */
const lost = (before, after) => [
  ["events", ...before, "error a ERR_ENDED receive 0 retry never", LOST],
  ["wire", ...after, "close a orderly"],
];

function onSide(side) {
  const { open, rx } = SIDES[side];
  const one = (name, ...steps) => ({ name: `${side}: ${name}`, steps: [...open, ...steps] });
  const both = [sent("a1"), sent("a2")];
  return [
    one(
      "messages and a close frame",
      ...answers,
      [rx, "a", `x:${QUESTIONS}  8802 03e8`],
      ...closed(side, questions, both),
    ),
    one("a close frame alone", [rx, "a", "x:8802 03e8"], ...closed(side, [], [])),
    one(
      "nothing behind the close frame counts",
      ...answers,
      [rx, "a", `x:${QUESTIONS}  8802 03e8  8102 'q3'  8900  83 00`],
      ...closed(side, questions, both),
    ),
    ...broken.flatMap(([what, bytes, ...how]) => [
      one(
        `messages and ${what}`,
        ...answers,
        [rx, "a", `x:${QUESTIONS}  ${bytes}  8900`],
        ...failed(side, how, questions, both),
      ),
      one(`${what} alone`, [rx, "a", `x:${bytes}`], ...failed(side, how, [], [])),
    ]),
    one("messages and an end", ...answers, [rx, "a", `x:${QUESTIONS}`], ["ended", "a"], ...lost(questions, both)),
    one("an end alone", ["ended", "a"], ...lost([], [])),
    one(
      "messages, a fragment and an end",
      ...answers,
      [rx, "a", `x:${QUESTIONS}  0102 'q3'`],
      ["ended", "a"],
      ...lost([...questions, "part a text ascii 'q3'"], both),
    ),
    one(
      "what was queued for an end waits for the socket",
      ["take", "a", 0],
      answer("a1"),
      [rx, "a", "x:8102 'q1'"],
      ["ended", "a"],
      ["events", "message a text ascii 'q1'", "error a ERR_ENDED receive 0 retry never"],
      ["state", "a", "closing"],
      ["wire"],
      ["take", "a", "all"],
      ["written", "a", 0],
      ["events", LOST],
      ["wire", sent("a1"), "close a orderly"],
    ),
    one(
      "what the peer never takes is unsent after closeTimeoutMs",
      ["take", "a", 0],
      answer("a1"),
      [rx, "a", "x:8102 'q1'"],
      ["ended", "a"],
      ["events", "message a text ascii 'q1'", "error a ERR_ENDED receive 0 retry never"],
      ["wait", 5000],
      ["time", 5000],
      ["events", `disconnected a 1006 unsent ${side === "client" ? 8 : 4} retry never`],
      ["wire", "close a abort"],
    ),
    one(
      "a ping in front of them is answered, too",
      ["during", "state", "a", "open"],
      answer("a1"),
      [rx, "a", "x:8901 'p'  8101 'q'  8802 03e8"],
      ...closed(side, ["ping a 'p'", "message a text ascii 'q'"], ["frame a pong 'p'", sent("a1")]),
    ),
    one(
      "a close by the application comes first",
      ["during", "ws-close", "a", 4000, "mine"],
      [rx, "a", "x:8101 'q'  8802 0fa1"],
      ["events", "message a text ascii 'q'", "close a 4001 ''", ...(side === "server" ? [end(4001)] : [])],
      ["wire", "frame a close 4000 'mine'", ...(side === "server" ? ["close a orderly"] : [])],
      ...(side === "server"
        ? []
        : [
            ["ended", "a"],
            ["events", end(4001)],
            ["wire", "close a orderly"],
          ]),
    ),
    one(
      "an abort by the application is the end",
      ["during", "abort", "a"],
      [rx, "a", "x:8101 'q'  8802 03e8"],
      ["events", "message a text ascii 'q'", LOST],
      ["wire", "close a abort"],
    ),
  ];
}

const end = (code) => `disconnected a ${code} unsent 0 retry never clean`;

/** What holds an end back, beside the loop iteration; on the client's side. */
const held = [
  {
    name: "a window: the end waits until all is consumed",
    steps: [
      ["open-ws", "a"],
      ["window", "a", 100],
      ["rx", "a", `x:${QUESTIONS}  8802 03e8`],
      ["events", ...questions],
      ["wire"],
      ["state", "a", "open"],
      ["wait", 5000],
      ["consumed", "a", 2],
      ["ws-send", "a", "text", "a1"],
      ["wire", sent("a1")],
      ["time", 4999],
      ["ws-send", "a", "text", "a2"],
      ["events"],
      ["consumed", "a", 2, 1],
      ["events", "close a 1000 ''"],
      ["wire", sent("a2"), "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a window: the end waits for closeTimeoutMs at most",
    steps: [
      ["open-ws", "a"],
      ["window", "a", 100],
      ["rx", "a", "x:8102 'q1'  83 00"],
      ["events", "message a text ascii 'q1'"],
      ["time", 5000],
      ["events", "error a ERR_WS_PROTOCOL receive 1002 retry never"],
      ["wire", "frame a close 1002 ''"],
      ["ws-send", "a", "text", "late", "ERR_STATE"],
      ["ended", "a"],
      ["events", LOST],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a window that is taken off holds nothing back",
    steps: [
      ["open-ws", "a"],
      ["window", "a", 100],
      ["rx", "a", "x:8102 'q1'  8802 03e8"],
      ["events", "message a text ascii 'q1'"],
      ["window", "a", 0, 1],
      ["events", "close a 1000 ''"],
      ["wire", "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a pause holds the end back",
    steps: [
      ["open-ws", "a"],
      ["during", "receiving", "a", 0],
      ["rx", "a", "x:8101 'q'  8802 03e8"],
      ["wire", "read a off"],
      ["events", "message a text ascii 'q'"],
      ["ws-send", "a", "text", "a1"],
      ["wire", sent("a1")],
      ["receiving", "a", 1, "any"],
      ["events", "close a 1000 ''"],
      ["wire", "read a on", "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "an answer that was refused can be sent when the queue drains",
    steps: [
      ["limit", "sendBuffer", 4096],
      ["open-ws", "a"],
      ["take", "a", 0],
      ["ws-send", "a", "binary", "x:00*4000"],
      ["during", "ws-send", "a", "binary", "x:01*1000", "ERR_BACKPRESSURE"],
      ["rx", "a", "x:8102 'q1'  8802 03e8"],
      ["events", "message a text ascii 'q1'"],
      ["wire"],
      ["during", "ws-send", "a", "binary", "x:01*1000"],
      ["take", "a", "all"],
      ["written", "a", 0],
      ["events", "drain a", "close a 1000 ''"],
      ["wire", "frame a binary x:00*4000", "frame a binary x:01*1000", "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "calls that are not flushed yet hold the end back",
    steps: [
      ["open-ws", "a"],
      ["hold"],
      ["rx", "a", "x:8102 'q1'  8802 03e8"],
      ["events", "message a text ascii 'q1'"],
      ["ws-send", "a", "text", "a1"],
      ["flush"],
      ["events", "close a 1000 ''"],
      ["wire", sent("a1"), "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a heartbeat that begins in the meantime changes nothing",
    steps: [
      ["open-ws", "a"],
      ["heartbeat", "a", 100, 100],
      ["window", "a", 100],
      ["rx", "a", "x:8102 'q1'  8802 03e8"],
      ["events", "message a text ascii 'q1'"],
      ["heartbeat", "a", 10, 10],
      ["wait", 5000],
      ["time", 4999],
      ["wire"],
      ["time", 1],
      ["events", "close a 1000 ''"],
      ["wire", "frame a close 1000 ''"],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a connection that is lost in the meantime: its close frame is reported first",
    steps: [
      ["open-ws", "a"],
      ["window", "a", 100],
      ["rx", "a", "x:8102 'q1'  8802 03e8"],
      ["events", "message a text ascii 'q1'"],
      ["closed", "a", "ERR_RESET"],
      ["events", "close a 1000 ''", "disconnected a 1000 unsent 8 retry never"],
    ],
  },
  {
    name: "a write that fails in the meantime: the close frame is reported first",
    steps: [
      ["open-ws", "a"],
      ["hold"],
      ["during", "ws-send", "a", "text", "a1"],
      ["refuse-write", "a", "ERR_RESET"],
      ["rx", "a", "x:8101 'q'  8802 03e8"],
      ["flush"],
      ["events", "message a text ascii 'q'", "close a 1000 ''", "disconnected a 1000 unsent 16 retry never"],
      ["wire", "close a abort"],
    ],
  },
  {
    name: "what was agreed upon is known while it closes",
    steps: [
      ["ws", "a", "ws://h/"],
      ["protocol", "a", "chat"],
      ["ws-set-deflate", "a", 255],
      ["wire", "open a tcp h 80"],
      [
        "handshake",
        "a",
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15\r\n",
      ],
      ["rx", "a", "x:8802 03e8"],
      ["events", "connected a", "close a 1000 ''"],
      ["wire", "frame a close 1000 ''"],
      ["state", "a", "closing"],
      ["subprotocol", "a", "chat"],
      ["ws-deflate", "a", 255],
      ["ended", "a"],
      ["events", end(1000)],
      ["wire", "close a orderly"],
      ["subprotocol", "a", "ERR_STATE"],
      ["ws-deflate", "a", "ERR_STATE"],
    ],
  },
];

/** The strict expectations of Autobahn's fuzzing client, which the application of an echo server meets. */
function autobahn() {
  const HELLO = "810d 'Hello, world!'";
  const hello = ["message a text ascii 'Hello, world!'"];
  const one = (name, bytes, before = hello, text = "Hello, world!") => ({
    name: `Autobahn ${name}`,
    steps: [
      ...SIDES.server.open,
      answer(text),
      ["rx-masked", "a", `x:${bytes}`],
      ...failed("server", PROTOCOL, before, [sent(text)]),
    ],
  });
  const next = (first) => `${HELLO}  ${first} 0d 'Hello, world!'  8900`;
  return [
    one("3.2: RSV 2", next("a1")),
    one("3.3: RSV 3", next("b1")),
    one("3.4: RSV 4", next("c1")),
    one("4.1.3: opcode 5", `${HELLO}  85 00  8900`),
    one("4.1.4: opcode 6", next("86")),
    one("4.1.5: opcode 7", next("87")),
    one("4.2.3: opcode 13", `${HELLO}  8d 00  8900`),
    one("4.2.4: opcode 14", next("8e")),
    one("4.2.5: opcode 15", next("8f")),
    one(
      "5.15: a continuation of nothing behind a message in fragments",
      "0109 'fragment1'  8009 'fragment2'  0009 'fragment3'  0109 'fragment4'  8009 'fragment5'",
      ["message a text ascii 'fragment1fragment2'"],
      "fragment1fragment2",
    ),
  ];
}

/** Streams whose end closes the connection. */
const streams = [
  {
    name: "a stream: what the handler of the last bytes sends is written",
    steps: [
      ["open-tcp", "a"],
      ["during", "send", "a", "answer"],
      ["rx", "a", "question"],
      ["ended", "a"],
      ["events", "data a 'question'", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "write a 'answer'", "close a orderly"],
    ],
  },
  {
    name: "a stream with a window: the end waits until all is consumed",
    steps: [
      ["open-tcp", "a"],
      ["window", "a", 100],
      ["rx", "a", "question"],
      ["ended", "a"],
      ["events", "data a 'question'"],
      ["send", "a", "answer"],
      ["wire", "write a 'answer'"],
      ["state", "a", "open"],
      ["consumed", "a", 8, "any"],
      ["events", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a stream with a window: the end waits for closeTimeoutMs at most",
    steps: [
      ["open-tcp", "a"],
      ["window", "a", 100],
      ["rx", "a", "question"],
      ["ended", "a"],
      ["events", "data a 'question'"],
      ["time", 4999],
      ["state", "a", "open"],
      ["time", 1],
      ["events", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "a stream that is reset while its end waits",
    steps: [
      ["open-tcp", "a"],
      ["window", "a", 100],
      ["rx", "a", "question"],
      ["ended", "a"],
      ["events", "data a 'question'"],
      ["take", "a", 0],
      ["send", "a", "answer"],
      ["closed", "a", "ERR_RESET"],
      ["events", "disconnected a 0 unsent 6 retry never"],
      ["state", "a", "closed"],
    ],
  },
  {
    name: "a stream that the application closes in the meantime",
    steps: [
      ["open-tcp", "a"],
      ["window", "a", 100],
      ["rx", "a", "question"],
      ["ended", "a"],
      ["events", "data a 'question'"],
      ["close", "a"],
      ["events", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "HTTP: a request and the end: the response is written",
    steps: [
      ["open-listener", "l"],
      ["open-accepted", "l", "a"],
      ["http-read", "a", "request", 100],
      ["rx", "a", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"],
      ["events", "head a 0 keep-alive 'GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n'", "http-end a"],
      ["http-send", "a", "none", 200, "OK", 0, "hi"],
      ["ended", "a"],
      ["events", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "write a 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi'", "close a orderly"],
    ],
  },
  {
    name: "HTTP: a body that the end ends: what its handler sends is written",
    steps: [
      ["open-tcp", "a"],
      ["http-read", "a", "response", 100],
      ["rx", "a", "HTTP/1.1 200 OK\r\n\r\nbody"],
      ["events", "head a 200 body+until-close 'HTTP/1.1 200 OK\\r\\n\\r\\n'", "body-part a 'body'"],
      ["during", "send", "a", "answer"],
      ["ended", "a"],
      ["events", "body-last a ''", "http-end a", "disconnected a 0 unsent 0 retry never clean"],
      ["wire", "write a 'answer'", "close a orderly"],
    ],
  },
];

export function wsAnswers() {
  return {
    suite: "ws-answers",
    source: "RFC 6455 5.5.1, 7.1.1, 7.1.7; RFC 9293 3.10.4; Autobahn TestSuite 25.10.1",
    cases: [...onSide("server"), ...onSide("client"), ...held, ...autobahn(), ...streams],
  };
}
