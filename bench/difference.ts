/** `--compare A B`: two files of results beside each other. */
import { readFile } from "node:fs/promises";
import { table } from "./report.ts";

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly twinwire: number;
  readonly peerName: string;
  readonly ratio: { readonly median: number };
}

interface Results {
  readonly date: string;
  readonly machine: { readonly commit?: string; readonly cpu: string; readonly node: string };
  readonly cases: readonly Row[];
}

async function read(path: string): Promise<Results> {
  return JSON.parse(await readFile(path, "utf8")) as Results;
}

function label({ date, machine: { commit = "no commit", cpu, node } }: Results): string {
  return `${date}, ${commit.slice(0, 10)}, node ${node}, ${cpu}`;
}

/**
 * Returns a table of the cases that both files have: the ratios to the peers, and how B's compares with A's. Ratios are
 * compared, not numbers: both contenders of a pair ran on the same machine at the same time.
 */
export async function difference(a: string, b: string): Promise<string> {
  const [before, after] = [await read(a), await read(b)];
  const rows = after.cases.flatMap((now) => {
    const then = before.cases.find(({ name, peerName }) => name === now.name && peerName === now.peerName);
    if (then === undefined) return [];
    const [old, fresh] = [then.ratio.median, now.ratio.median];
    const change = `${fresh >= old ? "+" : ""}${(100 * (fresh / old - 1)).toFixed(1)} %`;
    return [[now.name, now.peerName, `${old.toFixed(2)} x`, `${fresh.toFixed(2)} x`, change]];
  });
  if (rows.length === 0) throw new Error(`${a} and ${b} have no case in common`);
  const heading = `A: ${label(before)}\nB: ${label(after)}\n\n`;
  return heading + table([["case", "peer", "A", "B", "change"], ...rows], 2);
}
