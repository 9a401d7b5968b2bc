// Writes the tables of docs/hub.md, "What it costs", from stored results:
//
//   make bench ARGS="--only hub/ --save"
//   node scripts/plots/hub.mjs [bench/results/FILE.json]    without a file: the newest that has cases of hub/
//
// They stand between `<!-- figures of costs -->`, `<!-- figures of recovery -->` or `<!-- figures of the machine -->`, and
// `<!-- end of figures -->`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { markdownTable, readResults, root } from "./results.mjs";

const { cases, date, machine, brokers } = readResults("hub/");

/** The columns, by the names that contenders have in the results. */
const COLUMNS = [
  ["Redis", "twinwire"],
  ["NATS", "twinwire, NATS"],
  ["threads", "twinwire, threads"],
  ["socket.io, Redis", "socket.io"],
];

/** What a contender has in a case: of its value, or of its processor time; `undefined` where it was not measured. */
function figure(name, contender, isCpu) {
  const found = cases.filter((one) => one.name === name && !one.absent);
  if (contender === "twinwire") return isCpu ? found[0]?.twinwireCpu : found[0]?.twinwire;
  const beside = found.find((one) => one.peerName === contender);
  return isCpu ? beside?.peerCpu : beside?.peer;
}

/** With three digits at most: more are not reproducible. */
const rounded = (value) => Number(value.toPrecision(value < 100 ? 2 : 3)).toLocaleString("en-US");
const count = (value) => rounded(value);
const micros = (value) => `${rounded(value)} µs`;
const bytes = (value) => (value < 1000 ? `${rounded(value)} B` : `${rounded(value / 1000)} kB`);
const millis = (value) => (value < 1000 ? `${rounded(value)} ms` : `${rounded(value / 1000)} s`);
const millisOfMicros = (value) => millis(value / 1000);

/** Text of a row, its case, its unit, and whether its figure is the processor time. */
const COSTS = [
  ["messages a second, 1 node with 5 members, 16 at a time", "hub/publish/1", count],
  ["2 nodes with 5 members each, until a client of the next node has each", "hub/publish/2", count],
  ["4 nodes with 5 members each", "hub/publish/4", count],
  ["2 nodes, 10,000 topics with 100,000 memberships", "hub/publish-10000-topics/2", count],
  ["processor time of all nodes for a message: 2 nodes", "hub/publish/2", micros, true],
  ["processor time of all nodes for a message: 4 nodes", "hub/publish/4", micros, true],
  ["from publish to receipt on another node, 500 messages a second: median", "hub/latency/2/500/p50", millisOfMicros],
  ["99 of 100 within", "hub/latency/2/500/p99", millisOfMicros],
  ["joins a second: 100,000 memberships of 10,000 topics, 2 nodes", "hub/join-10000-topics/2", count],
  ["memory of a node for a topic with one member, of 10,000", "hub/memory/topic", bytes],
  ["memory of a node for each further membership, of 90,000", "hub/memory/membership", bytes],
];
const RECOVERY = [
  ["the broker is started after the nodes", "late"],
  ["it is killed, and starts again with its data", "restart"],
  ["it starts again without its data", "empty"],
  ["it starts again without the messages of the last 300 ms, as after a failover", "failover"],
  ["it answers nothing for 2 s", "stopped"],
  ["one node can't reach it for 2 s", "cut"],
  ["a node is stopped for 2 s, and is cut off because it does not take 8 MB", "slow"],
  ["a node is killed: until its members have left", "node-killed"],
  ["a node was paused beyond its lease: until its members are there again", "node-paused"],
].map(([text, task]) => [text, `hub/recovery/${task}`, millis]);

function table(title, rows) {
  const filled = rows.map(([text, name, show, isCpu]) => [
    text,
    ...COLUMNS.map(([, contender]) => {
      const value = figure(name, contender, isCpu);
      return value === undefined || !(value > 0) ? "" : show(value);
    }),
  ]);
  /* A broker that has no figure at all has no column. */
  const kept = COLUMNS.map((_, at) => filled.some((row) => row[at + 1] !== ""));
  const chosen = (row) => row.filter((_, at) => at === 0 || kept[at - 1]);
  return markdownTable(chosen([title, ...COLUMNS.map(([column]) => column)]), filled.map(chosen));
}

function describe() {
  const { cpu, cores, memoryGiB, system, node } = machine;
  const programs = [`Node ${node}`, brokers].filter((it) => it !== undefined).join(", ");
  return `${date}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; ${programs}.`;
}

const FIGURES = {
  "the machine": describe,
  costs: () => table("", COSTS),
  recovery: () => table("recovery: from the end of the failure to the first message on another node", RECOVERY),
};

const page = join(root, "docs/hub.md");
const text = readFileSync(page, "utf8").replace(
  /(<!-- figures of ([^>]*) -->\n).*?(<!-- end of figures -->)/gs,
  (_, begin, what, end) => [begin, FIGURES[what](), "\n", end].join(""),
);
writeFileSync(page, text);
console.log(page);
