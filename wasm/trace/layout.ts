/** What a call of the core interface has: learned from the function that describes it, so that there is one list of both. */
import type { CoreExports } from "../abi.gen.ts";
import { opening } from "./lines.ts";
import { calls, type Describe, deliveries, type StepSource } from "./steps.ts";

/** Places of bytes that are no argument. */
export const Place = { RECEIVED: -1, SENDER: -2 } as const;

/** Bytes of a call. */
export interface Blob {
  /** Which argument behind the core is their place, or a `Place`. */
  readonly at: number;
  /** Which argument is their number, in units of `unit` bytes. */
  readonly size: number;
  readonly unit: 1 | 4;
}

/** A call or a delivery. */
export interface Layout {
  readonly name: keyof CoreExports;
  readonly kind: "call" | "host";
  readonly describe: Describe;
  /** Whether it opens a handle, which it returns. */
  readonly opens: boolean;
  /** Arguments behind the core. */
  readonly args: number;
  readonly blobs: readonly Blob[];
}

/** Arguments that stand for their own index. */
const FIRST = 1 << 20;
const MOST = 12;

/** Calls a description with arguments that show which of them it reads as places of bytes. */
function probe(describe: Describe): Pick<Layout, "args" | "blobs" | "opens"> {
  const blobs: Blob[] = [];
  const note = (at: number, size: number, unit: 1 | 4): void => {
    blobs.push({ at: at < FIRST ? at : at - FIRST, size: size - FIRST, unit });
  };
  const source: StepSource = {
    received: Place.RECEIVED >>> 0,
    sender: Place.SENDER,
    memory: {
      view(at, size) {
        note(at === Place.RECEIVED >>> 0 ? Place.RECEIVED : at, size, 1);
        return new Uint8Array(0);
      },
      ascii(at, size) {
        note(at, size, 1);
        return "";
      },
      readI32(at, count) {
        note(at, count, 4);
        return new Int32Array(0);
      },
    },
  };
  let args = 0;
  const numbers = Array.from({ length: MOST }, (_, index) => FIRST + index);
  const watched = new Proxy(numbers, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) args = Math.max(args, Number(key) + 1);
      return Reflect.get(target, key);
    },
  });
  const { word } = describe(source, watched);
  return { blobs, args, opens: opening.has(word) };
}

/** Every call and delivery that is recorded. */
export const layouts: readonly Layout[] = [
  ...Object.entries(calls).map(([name, describe]) => ({ name, kind: "call" as const, describe })),
  ...Object.entries(deliveries).map(([name, describe]) => ({ name, kind: "host" as const, describe })),
].map((it) => ({ ...it, name: it.name as keyof CoreExports, ...probe(it.describe) }));
