// Makes the plots and the tables of docs/performance.md from stored results. The plots show how the cost of a message grows
// with the number of connections, and with its size.
//
//   node scripts/plots/plots.mjs [bench/results/FILE.json]    without a file: the newest that has cases of scale/

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, View } from "vega";
import { compile } from "vega-lite";
import { markdownTable, readResults, root } from "./results.mjs";

const isScale = ({ name }) => name.startsWith("scale/");

const TITLES = { ws: "WebSocket echo, 64 bytes", tcp: "TCP echo, 64 bytes" };
const SIZE_TITLES = { ws: "WebSocket echo, 4 connections", tcp: "TCP echo, 4 connections" };
const PROTOCOLS = ["ws", "tcp"];
/** Ours is blue in both plots, whatever stands beside it. */
const COLOURS = { domain: ["twinwire", "ws", "node:net"], range: ["#1f5fd0", "#d0661f", "#6b7280"] };

/** A row for each contender of each case: what a message costs, in microseconds of CPU time. */
function rows(cases, by) {
  return cases.filter(isScale).flatMap(({ name, peerName, twinwireCpu, peerCpu }) => {
    const [, what, protocol, x] = name.split("/");
    if (what !== by) return [];
    return [
      { protocol, x: Number(x), contender: "twinwire", cost: twinwireCpu },
      { protocol, x: Number(x), contender: peerName, cost: peerCpu },
    ];
  });
}

function panel(values, protocol, title, xTitle) {
  return {
    title,
    width: 330,
    height: 240,
    data: { values: values.filter((row) => row.protocol === protocol) },
    mark: { type: "line", point: { size: 45, filled: true }, strokeWidth: 2 },
    encoding: {
      x: { field: "x", type: "quantitative", scale: { type: "log" }, title: xTitle, axis: { format: "~s" } },
      y: { field: "cost", type: "quantitative", scale: { type: "log" }, title: "CPU time of a message, µs" },
      color: { field: "contender", type: "nominal", scale: COLOURS, legend: { title: null, orient: "bottom" } },
    },
  };
}

async function draw(file, values, titles, xTitle) {
  const spec = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    config: { font: "sans-serif", axis: { labelFontSize: 11, titleFontSize: 12 }, title: { fontSize: 13 } },
    hconcat: PROTOCOLS.map((protocol) => panel(values, protocol, titles[protocol], xTitle)),
  };
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  const path = join(root, "docs/plots", file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${await view.toSVG()}\n`);
  console.log(path);
}

const { cases, date, machine } = readResults("scale/");
await draw("connections.svg", rows(cases, "connections"), TITLES, "connections, one message in flight on each");
await draw("size.svg", rows(cases, "size"), SIZE_TITLES, "bytes of a message, one in flight on each connection");

const grouped = (value) => Math.round(value).toLocaleString("en-US");
const ratio = ({ median, min, max }) => `${median.toFixed(2)} (${min.toFixed(2)}\u00a0to\u00a0${max.toFixed(2)})`;
const micros = (value) => (value > 0 ? value.toFixed(2) : "");

/** The rows of the cases whose names begin so. */
function tableOf(prefixes) {
  const chosen = cases.filter(({ name, absent }) => !absent && prefixes.some((prefix) => name.startsWith(prefix)));
  const rows = chosen.map((one) => [
    one.name,
    `${grouped(one.twinwire)} ${one.unit}`,
    one.peerName,
    `${grouped(one.peer)}`,
    ratio(one.ratio),
    micros(one.twinwireCpu),
    micros(one.peerCpu),
  ]);
  const head = ["case", "twinwire", "beside", "has", "ratio", "CPU, µs", "its"];
  return markdownTable(head, rows);
}

/* Between `<!-- results of PREFIX ... -->` and `<!-- end of results -->` stand the rows of these cases. */
const page = join(root, "docs/performance.md");
const text = readFileSync(page, "utf8")
  .replace(/(<!-- results of ([^>]*) -->\n).*?(<!-- end of results -->)/gs, (_, begin, prefixes, end) =>
    [begin, tableOf(prefixes.split(" ")), "\n", end].join(""),
  )
  .replace(/(<!-- the machine -->\n).*?(<!-- end of the machine -->)/s, (_, begin, end) => {
    const { cpu, cores, memoryGiB, system, twinwire, ws, node, server } = machine;
    const programs = `twinwire ${twinwire}, ws ${ws}, Node ${node}, ${server}`;
    return `${begin}${date}: ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; ${programs}.\n${end}`;
  });
writeFileSync(page, text);
console.log(page);
