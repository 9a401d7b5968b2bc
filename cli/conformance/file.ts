/** Vector files: test/vectors/README.md has their format. */
import { readdirSync, readFileSync } from "node:fs";

/** An operation and its arguments. */
export type Step = readonly [string, ...(string | number)[]];

/** Steps that run against one core. */
export interface VectorCase {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** A file of cases. */
export interface VectorFile {
  /** The file's name. */
  readonly name: string;
  readonly suite: string;
  readonly source: string;
  readonly cases: readonly VectorCase[];
}

/** All files of a folder, in the order of their names. */
export function readVectors(folder: URL): VectorFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ ...JSON.parse(readFileSync(new URL(name, folder), "utf8")), name }) as VectorFile);
}

/** What a step's argument must be. */
export function textAt(step: Step, index: number): string {
  const value = step[index];
  if (typeof value !== "string") throw new Error(`argument ${index} is not a text`);
  return value;
}

/** What a step's argument must be. */
export function numberAt(step: Step, index: number): number {
  const value = step[index];
  if (typeof value !== "number") throw new Error(`argument ${index} is not a number`);
  return value;
}
