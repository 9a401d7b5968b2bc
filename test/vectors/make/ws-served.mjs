// The rules of RFC 6455 that hold for both sides, on the server's: the cases of a client, which were written by hand, with the
// sides changed. What a server does differently is said here, and comes from RFC 6455 5.1 and 7.1.1 and ../README.md.

import { readFileSync } from "node:fs";

const SUITES = ["ws-frames", "ws-fragments", "ws-control", "ws-utf8", "ws-close"];

/** Cases of a client alone: its handshake, what it thinks of masks, how it waits. And what `rx-masked` can't: half a frame. */
const OF_A_CLIENT =
  /masked|each with a mask|handshake|received: (\d+ is valid|the peer does|closeTimeoutMs)|the peer answers|while it comes/;

/** Steps that mean the same on both sides. What else a case has makes it a client's. */
const SAME = new Set(
  "limit events wire state wait hold flush during ws-send ping pong ws-close free-blocks receiving time ended".split(
    " ",
  ),
);

const FAILED = /^frame (\w+) close (1002|1007|1009) ''$/;

const OPEN = [
  ["open-listener", "l"],
  ["open-served", "l", "a"],
];

/** RFC 6455 7.1.1: a server ends the connection itself; after a fault it lets the client read why. */
function served({ name, steps }, suite) {
  if (OF_A_CLIENT.test(name)) return undefined;
  const out = [];
  let failed = false;
  let ended = false; /* all that was queued is written then: the close has nothing to throw away */
  for (const step of steps) {
    const [operation, ...rest] = step;
    ended ||= operation === "ended";
    if (operation === "open-ws") {
      if (!out.some(([first]) => first === "open-listener")) out.push(["open-listener", "l"]);
      out.push(["open-served", "l", ...rest]);
    } else if (operation === "rx") out.push(["rx-masked", ...rest]);
    else if (!SAME.has(operation)) return undefined;
    else if (operation === "wire") {
      const lines = rest.flatMap((line) => {
        const match = FAILED.exec(line);
        if (match === null) return [line.replace(/^close (\w+) \*$/, `close $1 ${ended ? "orderly" : "abort"}`)];
        failed = true;
        return [line, `shutdown ${match[1]}`];
      });
      out.push(["wire", ...lines]);
    } else out.push(step);
  }
  if (!failed && steps.some(([operation]) => operation === "ended")) return undefined;
  return { name: `${suite.slice(3)}: ${name}`, steps: out };
}

/** A close frame of the client: answered with its code, and the connection is ended at once. */
function closes() {
  const valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
  const hex = (code) => code.toString(16).padStart(4, "0");
  const close = (name, frame, code, reason, answer = `${code} ''`) => ({
    name: `close: ${name}`,
    steps: [
      ...OPEN,
      ["rx-masked", "a", `x:${frame}`],
      ["events", `close a ${code} ${reason}`, `disconnected a ${code} unsent 0 retry never clean`],
      ["wire", `frame a close${answer === "" ? "" : ` ${answer}`}`, "close a orderly"],
      ["state", "a", "closed"],
      ["wait", "forever"],
    ],
  });
  return [
    ...valid.map((code) => close(`${code} is valid`, `8802 ${hex(code)}`, code, "''")),
    close("without a code", "8800", 1005, "''", ""),
    close("with a reason", "8807 03e8 'going'", 1000, "'going'"),
    close("the longest reason", "887d 03e8 61*123", 1000, "x:61*123"),
    close("a reason beyond ASCII", "8807 03e8 c3bce282ac", 1000, "x:c3bce282ac"),
  ];
}

const ENDED = ["close a 1000 ''", "disconnected a 1000 unsent 0 retry never clean"];
const LOST = "disconnected a 1006 unsent 0 retry never";

/** How the end comes between other frames: RFC 6455 5.4, 5.5.1 and 7.1. */
const ends = [
  {
    name: "close: between fragments",
    steps: [
      ...OPEN,
      ["rx-masked", "a", "x:0103 'Hel'  8802 03e8"],
      ["events", "part a text ascii 'Hel'", ...ENDED],
      ["wire", "frame a close 1000 ''", "close a orderly"],
    ],
  },
  {
    name: "close: nothing is read after a close frame",
    steps: [
      ...OPEN,
      ["rx-masked", "a", "x:8106 'before'  8802 03e8  8105 'after'  8901 'p'  ffff"],
      ["events", "message a text ascii 'before'", ...ENDED],
      ["wire", "frame a close 1000 ''", "close a orderly"],
    ],
  },
  {
    name: "close: from the handler of a message",
    steps: [
      ...OPEN,
      ["during", "ws-close", "a", 1000, "enough"],
      ["rx-masked", "a", "x:8100"],
      ["events", "message a text ascii ''"],
      ["wire", "frame a close 1000 'enough'"],
      ["rx-masked", "a", "x:8104 'more'  8802 03e8"],
      ["events", ...ENDED],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "close: a message is cut short by ours",
    steps: [
      ...OPEN,
      ["rx-masked", "a", "x:0105 'begun'"],
      ["events", "part a text ascii 'begun'"],
      ["ws-close", "a", 1000, ""],
      ["rx-masked", "a", "x:8005 'ended'  8901 'p'  8802 03e8"],
      ["events", ...ENDED],
      ["wire", "frame a close 1000 ''", "close a orderly"],
    ],
  },
  {
    name: "close: ours while a message is in the middle of being sent",
    steps: [
      ...OPEN,
      ["ws-send", "a", "text+more", "Hel"],
      ["ws-close", "a", 1000, ""],
      ["wire", "frame a text more 'Hel'", "frame a close 1000 ''"],
      ["rx-masked", "a", "x:8802 03e8"],
      ["events", ...ENDED],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "close: ours has a code, and the client's another",
    steps: [
      ...OPEN,
      ["ws-close", "a", 4001, "moved"],
      ["wire", "frame a close 4001 'moved'"],
      ["rx-masked", "a", "x:8802 0fa2"],
      ["events", "close a 4002 ''", "disconnected a 4002 unsent 0 retry never clean"],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "the client ends inside a frame",
    steps: [
      ...OPEN,
      ["rx-masked", "a", "x:8105 'Hel'"],
      ["ended", "a"],
      ["events", "part a text ascii 'Hel'", "error a ERR_ENDED receive 0 retry never", LOST],
      ["wire", "close a orderly"],
    ],
  },
  {
    name: "the client resets in the middle of a message",
    steps: [
      ...OPEN,
      ["rx-masked", "a", "x:0103 'Hel'"],
      ["closed", "a", "ERR_RESET"],
      ["events", "part a text ascii 'Hel'", "error a ERR_RESET receive 0 retry never", LOST],
    ],
  },
];

export function wsServed() {
  const read = (suite) => JSON.parse(readFileSync(new URL(`../${suite}.json`, import.meta.url), "utf8")).cases;
  const turned = SUITES.flatMap((suite) => read(suite).map((it) => served(it, suite)));
  return {
    suite: "ws-served",
    source: "RFC 6455 5.1 to 5.6, 7.1, 7.4, 8.1; as a server",
    cases: [...turned.filter((it) => it !== undefined), ...closes(), ...ends],
  };
}
