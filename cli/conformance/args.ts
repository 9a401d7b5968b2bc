/** Arguments and results of session vectors. */
import { parseBytes } from "../../adapters/script/index.ts";
import { Errors } from "../../wasm/abi.gen.ts";
import { errorName } from "./events.ts";
import { type Step, textAt } from "./file.ts";
import type { Session } from "./session.ts";

/** Throws if what came is not what the step expects. */
export type Operation = (s: Session, step: Step) => void;

/** The number of the handle that an argument names, or the argument itself if it is one. */
export function handleAt(s: Session, step: Step, index: number): number {
  const value = step[index];
  if (typeof value === "number") return value;
  const socket = s.port.named(textAt(step, index));
  if (socket === undefined) throw new Error(`no handle was named ${value}`);
  return socket.handle;
}

/** The value of an error's name. */
export function errorValue(name: string | number | undefined): number {
  const error = Errors[name as keyof typeof Errors];
  if (error === undefined) throw new Error(`no error is named ${name}`);
  return error.value;
}

/** Compares a result with argument `index`, a number or an error's name, or with `otherwise` if there is none. */
export function expectResult(s: Session, step: Step, index: number, got: number, otherwise: number): void {
  s.machine.tap.add("result", [got]);
  if (s.comparesLater) return; /* what a run leaves behind decides */
  const wanted = step[index] ?? otherwise;
  if (wanted === "any") return;
  const expected = typeof wanted === "string" ? errorValue(wanted) : wanted;
  if (got === expected) return;
  throw new Error(`expected ${errorName(expected) ?? expected}, got ${errorName(got) ?? got}`);
}

const parsed = new Map<string, Uint8Array>();

/** The bytes that an argument stands for; not to be changed. */
export function bytesAt(step: Step, index: number): Uint8Array {
  const text = textAt(step, index);
  const bytes = parsed.get(text) ?? parseBytes(text);
  parsed.set(text, bytes);
  return bytes;
}

/** Texts that are each ended by NUL: "GET|/|Host|h", or `x:` for bytes as they are. */
export function textsAt(step: Step, index: number): Uint8Array {
  const text = textAt(step, index);
  if (text === "" || text.startsWith("x:")) return bytesAt(step, index);
  return new TextEncoder().encode(`${text.replaceAll("|", "\0")}\0`);
}

/** Words joined by "+". */
export function flagsAt(step: Step, index: number, words: Readonly<Record<string, number>>): number {
  let flags = 0;
  for (const word of textAt(step, index).split("+")) {
    const bits = words[word];
    if (bits === undefined) throw new Error(`${word} is none of ${Object.keys(words).join(", ")}`);
    flags |= bits;
  }
  return flags;
}
