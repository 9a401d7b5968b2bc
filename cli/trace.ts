/** `twinwire trace`: what a recorded trace contains, as text or as pcapng; and whether the core does the same again. */
import { writeFileSync } from "node:fs";
import type { TraceLine } from "../wasm/trace/lines.ts";
import { help, readText, UsageError } from "./arguments.ts";
import { type Command, Status } from "./command.ts";
import type { Output } from "./output.ts";
import { PcapNg } from "./pcapng.ts";

const SHOWN = 100;

/** Reads the lines of a trace file. */
function* linesOf(file: string): Generator<TraceLine> {
  for (const [index, line] of readText(file, "FILE").split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      yield JSON.parse(line) as TraceLine;
    } catch {
      throw new UsageError(`${file} is not a trace: line ${index + 1} is not a JSON object`);
    }
  }
}

/** `12 ms  c1  ← CONNECTED` */
function describe(line: TraceLine): string {
  if (line.began !== undefined) return `          dump from ${line.began}, ${line.lost ?? 0} older records are gone`;
  const words = line.call ?? line.host ?? line.wire ?? [line.event ?? "?", line.of ?? ""];
  const sign = line.call ? "call" : line.host ? "host" : line.wire ? "wire" : "event";
  const [word, handle, ...rest] = words;
  const more = [...rest, line.bytes, line.code, line.result === undefined ? undefined : `= ${line.result}`];
  const text = more.filter((it) => it !== undefined).join(" ");
  const shown = text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length})` : text;
  return `${String(line.ms ?? "").padStart(8)}  ${sign.padEnd(5)}  ${String(handle ?? "").padEnd(4)}  ${word}  ${JSON.stringify(shown).slice(1, -1)}`;
}

/** Feeds the recorded calls and deliveries to a core, and compares what it does with what was recorded. */
async function replay(file: string, output: Output): Promise<number> {
  const lines = readText(file, "FILE")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const { CoreMachine, replayableOf, runCase } = await import("./conformance/index.ts");
  const { one, left } = replayableOf(file, lines);
  const { failure } = runCase(new CoreMachine(), one);
  const steps = one.steps.length;
  const without = left.length === 0 ? "" : `, without ${left.join(", ")}, which are not recorded from their beginning`;
  const same = `${file}: the core did the same in all ${steps} steps${without}`;
  const text = failure === undefined ? same : `differs: ${failure}`;
  output.event({ event: "replayed", file, steps, left, failure }, text, failure === undefined ? "green" : "red");
  return failure === undefined ? Status.OK : Status.FAILED;
}

export const trace: Command = {
  summary: "show a recorded trace, write it as pcapng, or replay it",
  usage: "trace FILE",
  positionals: [1, 1],
  options: {
    of: { value: "HANDLE", help: "one connection only, such as c1" },
    pcap: { value: "FILE", help: "write a capture for Wireshark instead" },
    replay: { help: "replay it against the core, and compare" },
    help,
    json: { help: "print the lines as they are" },
  },
  examples: [
    "twinwire ws ws://localhost:8080 --trace t.jsonl; twinwire trace t.jsonl --pcap t.pcapng",
    "twinwire trace t.jsonl --replay",
  ],
  async run(args, output) {
    const [file = ""] = args.positionals;
    const of = args.text("of");
    const target = args.text("pcap");
    const pcap = new PcapNg();
    if (args.has("replay")) {
      for (const _ of linesOf(file)); /* a file that is not a trace is wrong usage */
      return replay(file, output);
    }
    for (const line of linesOf(file)) {
      const words = line.call ?? line.host ?? line.wire ?? ["", line.of ?? of ?? ""];
      if (of !== undefined && words[1] !== of) continue;
      if (target !== undefined) pcap.add(line);
      else output.data(output.json ? JSON.stringify(line) : describe(line), true);
    }
    if (target !== undefined) {
      writeFileSync(target, pcap.bytes);
      output.event({ event: "written", file: target, packets: pcap.packets }, `${target}: ${pcap.packets} packets`);
    }
    return Status.OK;
  },
};
