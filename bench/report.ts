import { Contender } from "./contenders.ts";
import type { Machine } from "./machine.ts";
import type { Measured } from "./protocol.ts";
import type { CaseResult } from "./session.ts";
import { median, pairedRatios, type Spread, spread } from "./statistics.ts";

/** twinwire beside one peer in one case. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  /** Median of the rounds. */
  readonly twinwire: number;
  /** Median of the rounds. */
  readonly peer: number;
  readonly peerName: string;
  /** How many times better twinwire is, paired by rounds: above 1 is better, whatever the unit. */
  readonly ratio: Spread;
  /** Microseconds of CPU time for a message; 0 where it has no meaning. */
  readonly twinwireCpu: number;
  readonly peerCpu: number;
  /** The largest share of a processor that the load generator took; 0 where there is none. */
  readonly load: number;
  /** The resident sets of the servers behind the last round, in bytes; 0 where there is none. */
  readonly twinwireRss: number;
  readonly peerRss: number;
  /** What the peer needs and this machine lacks: nothing was measured. */
  readonly absent?: string | undefined;
}

/** What one line of the JSON output holds. */
export interface JsonCase {
  readonly name: string;
  readonly unit: string;
  readonly twinwire: number;
  readonly peer: number;
  readonly peerName: string;
  readonly ratio: number;
}

/** What is compared of a case: its value, or of a fixed rate three latencies. */
const VALUES = [{ suffix: "", of: (it: Measured) => it.value }];
const LATENCIES = ["p50", "p99", "p99.9"].map((name, at) => ({
  suffix: `/${name}`,
  of: (it: Measured) => it.latency?.[at] ?? Number.NaN,
}));

/** The rows of peers that can't take part here. */
function compareAbsent({ case: one, rounds, absent = new Map() }: CaseResult): Comparison[] {
  const twinwire = median((rounds.get(Contender.TWINWIRE) ?? []).map((it) => it.value));
  const none = { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return [...absent].map(([peerName, lacks]) => ({
    ...{ name: one.name, unit: one.unit, twinwire, peer: Number.NaN, peerName, ratio: none, absent: lacks },
    ...{ twinwireCpu: 0, peerCpu: 0, load: 0, twinwireRss: 0, peerRss: 0 },
  }));
}

/** twinwire beside each of its peers. */
export function compare(result: CaseResult): Comparison[] {
  const { case: one, rounds } = result;
  const ours = rounds.get(Contender.TWINWIRE) ?? [];
  const peers = [...rounds].filter(([contender]) => contender !== Contender.TWINWIRE);
  const values = "rate" in one && one.rate !== undefined ? LATENCIES : VALUES;
  const measured = values.flatMap(({ suffix, of }) =>
    peers.map(([peerName, theirs]) => {
      const [mine, other] = [ours.map(of), theirs.map(of)];
      return {
        name: `${one.name}${suffix}`,
        unit: one.unit,
        twinwire: median(mine),
        peer: median(other),
        peerName,
        ratio: spread(pairedRatios(mine, other, one.better)),
        twinwireCpu: median(ours.map((it) => it.cpuMicros)),
        peerCpu: median(theirs.map((it) => it.cpuMicros)),
        load: Math.max(...[...ours, ...theirs].map((it) => it.load ?? 0)),
        twinwireRss: ours.at(-1)?.rss ?? 0,
        peerRss: theirs.at(-1)?.rss ?? 0,
      };
    }),
  );
  return [...measured, ...compareAbsent(result)];
}

/** The JSON output. */
export function toJson(comparisons: readonly Comparison[]): { cases: JsonCase[] } {
  return {
    cases: comparisons
      .filter(({ absent }) => absent === undefined)
      .map(({ name, unit, twinwire, peer, peerName, ratio }) => ({
        name,
        unit,
        twinwire: Math.round(twinwire),
        peer: Math.round(peer),
        peerName,
        ratio: Number(ratio.median.toFixed(2)),
      })),
  };
}

const COLUMNS = [
  "case",
  "twinwire",
  "peer",
  "",
  "unit",
  "ratio",
  "(spread)",
  "CPU µs/msg",
  "peer's",
  "load",
  "RSS MiB",
  "peer's",
];

function cells(it: Comparison): string[] {
  if (it.absent !== undefined) {
    const twinwire = Number.isNaN(it.twinwire) ? "" : grouped(it.twinwire);
    const cells = [it.name, twinwire, it.peerName, "", it.unit, "not installed", `(${it.absent})`];
    return COLUMNS.map((_, at) => cells[at] ?? "");
  }
  const cpu = (value: number): string => (value === 0 ? "" : value.toFixed(2));
  const rss = (bytes: number): string => (bytes === 0 ? "" : `${Math.round(bytes / 2 ** 20)}`);
  return [
    it.name,
    grouped(it.twinwire),
    it.peerName,
    grouped(it.peer),
    it.unit,
    `${it.ratio.median.toFixed(2)} x`,
    `(${it.ratio.min.toFixed(2)} to ${it.ratio.max.toFixed(2)})`,
    cpu(it.twinwireCpu),
    cpu(it.peerCpu),
    it.load === 0 ? "" : `${Math.round(it.load * 100)} %`,
    rss(it.twinwireRss),
    rss(it.peerRss),
  ];
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** The readable table. */
export function toText(comparisons: readonly Comparison[]): string {
  return table([COLUMNS, ...comparisons.map(cells)], 5, [1, 3]);
}

/** Rows as columns of text: the first `left` ones are aligned to the left, but for those in `right`. */
export function table(rows: readonly (readonly string[])[], left: number, right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) =>
        at < left && !right.includes(at) ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number),
      )
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** The table as Markdown. */
export function toMarkdown(comparisons: readonly Comparison[], machine: Machine): string {
  const row = (list: readonly string[]): string => `| ${list.join(" | ")} |`;
  const rows = [row(COLUMNS), row(COLUMNS.map(() => "--")), ...comparisons.map((it) => row(cells(it)))];
  return `${describe(machine)}\n\n${rows.join("\n")}\n\n${notes.join("\n")}\n`;
}

/** The facts of the machine in words. */
export function describe(machine: Machine): string {
  const helpers = Object.entries(machine.wsHelpers).map(
    ([name, there]) => `${name} ${there ? "installed" : "not installed"}`,
  );
  return (
    `twinwire ${machine.twinwire}, ws ${machine.ws} (${helpers.join(", ")}), node ${machine.node}; ` +
    `echo server: ${machine.server}\n${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`
  );
}

/** How to read the figures. */
export const notes = [
  "Ratio: how many times better twinwire is, the median of pairs measured one after the other; above 1 is better.",
  "A message received sends the next one; every message's length and every 16th's content are checked.",
  "Text reaches the application as a string in twinwire and ws. node:net raw is no peer but a bound: its frames were",
  "made and masked beforehand, and it neither parses nor decodes nor hands out what comes back.",
  "Servers are asked by a load generator in C, which counts; load: the share of a processor that it took. Below 95 % it was",
  "not what held the server up. RSS: the resident set of the server behind the case.",
  "hub/: nodes in processes of their own, their broker and all clients share the machine; a message counts when a client of",
  "the next node has it. Recovery: from the end of the failure to the first message, or until a member has left or is there.",
  "http-client: requests with a message as JSON, each of those under way on a connection of its own.",
  "WebSocket: the one that the runtime itself has. bun/, deno/: both run there. c/: the library for C, in a process of its",
  "own; epoll loop: the least that a server does. alone: the processor time of the server, one of whose clients sends.",
  "Idle: what the resident set grows by, the leaps of V8's young generation included, which connections do not keep;",
  "--node-flag=--max-semi-space-size=1 bounds those.",
];
