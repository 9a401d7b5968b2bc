/** Vectors of pure functions, as far as the module exports them. */
import { parseBytes } from "../../adapters/script/index.ts";
import { EventSignatures, Url } from "../../wasm/abi.gen.ts";
import { errorName } from "./events.ts";
import { numberAt, type Step, textAt } from "./file.ts";
import type { CoreMachine } from "./machine.ts";

type Leaf = (machine: CoreMachine, step: Step) => void;

/** Functions that are inside the module: the native run has them. */
const inside = ["sha1-repeat", "mask", "url-encode", "ip", "head", "head-limit"];

const OUT = 1 << 19;

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function same(got: unknown, expected: unknown, what: string): void {
  if (got !== expected) throw new Error(`${what}: expected ${expected}, got ${got}`);
}

/** The scan of `bytes` in two pieces, in the terms of the step. */
function scan(machine: CoreMachine, bytes: Uint8Array, split: number): number {
  const { exports, memory, scratch } = machine;
  const state = scratch + OUT;
  memory.writeU32(state, [0]);
  let from = 0;
  for (const to of [split, bytes.length]) {
    const bad = exports.twc_utf8_scan(state, machine.put(bytes.subarray(from, to)), to - from);
    if (bad >= 0) return from + bad;
    from = to;
  }
  return memory.view(state, 4).every((byte) => byte === 0) ? -1 : -2;
}

const leaves: Record<string, Leaf> = {
  sha1: (machine, step) => {
    const { exports, memory, scratch } = machine;
    const bytes = parseBytes(`x:${textAt(step, 1)}`);
    exports.twc_sha1(machine.put(bytes), bytes.length, scratch + OUT);
    same(hexOf(memory.view(scratch + OUT, 20)), textAt(step, 2), "digest");
  },
  base64: (machine, step) => {
    const { exports, memory, scratch } = machine;
    const bytes = parseBytes(`x:${textAt(step, 1)}`);
    const size = exports.twc_base64(machine.put(bytes), bytes.length, scratch + OUT) >>> 0;
    same(memory.utf8(scratch + OUT, size), textAt(step, 2), "text");
  },
  utf8: (machine, step) => {
    const bytes = parseBytes(`x:${textAt(step, 1)}`);
    for (let split = 0; split <= bytes.length; split++) same(scan(machine, bytes, split), numberAt(step, 2), "scan");
  },
  signature: (machine, step) => {
    const { exports } = machine;
    const bytes = new TextEncoder().encode(textAt(step, 1));
    same(exports.twc_signature(machine.put(bytes), bytes.length) >>> 0, numberAt(step, 2), "signature");
  },
  "event-signature": (machine, step) => {
    const { exports } = machine;
    const bytes = new TextEncoder().encode(textAt(step, 2));
    same(exports.twc_signature(machine.put(bytes), bytes.length) >>> 0, numberAt(step, 3), "signature");
    const generated = EventSignatures[textAt(step, 1) as keyof typeof EventSignatures];
    same(generated?.hash, numberAt(step, 3), "generated signature");
  },
  url: (machine, step) => {
    const { exports, memory, scratch } = machine;
    const bytes = parseBytes(textAt(step, 1));
    const out = scratch + OUT;
    const error = exports.twc_url_parse(machine.put(bytes), bytes.length, out);
    same(error === 0 ? "ok" : errorName(error), textAt(step, 2), "result");
    if (error !== 0) return;
    const view = new DataView(new Uint8Array(memory.view(out, Url.SIZE)).buffer);
    const slice = (at: number, size: number): string =>
      hexOf(bytes.subarray(view.getUint32(at, true), view.getUint32(at, true) + view.getUint32(size, true)));
    same(slice(Url.host, Url.host_size), hexOf(parseBytes(textAt(step, 3))), "host");
    same(view.getUint16(Url.port, true), numberAt(step, 4), "port");
    same(slice(Url.target, Url.target_size), hexOf(parseBytes(textAt(step, 5))), "target");
    same(view.getUint16(Url.flags, true), numberAt(step, 6), "flags");
  },
};

/** Whether a step is one of a pure function's. */
export function isLeaf(step: Step): boolean {
  return step[0] in leaves || isInside(step);
}

/** Whether a step calls what the module does not export. */
export function isInside([name]: Step): boolean {
  return inside.includes(name);
}

/** Runs it. Throws if it fails. */
export function runLeaf(machine: CoreMachine, step: Step): void {
  leaves[step[0]]?.(machine, step);
}
