/** What the suites of test/adapters use of jest, for workerd: tests are collected, and run one by one by name. */
import { isDeepStrictEqual } from "node:util";

type Run = () => unknown;

const tests = new Map<string, Run>();
const endings: Run[] = [];
let prefix = "";

function collect(name: string, run: Run): void {
  tests.set(`${prefix}${name}`, run);
}

/** Replaces %s and %p by the values of a row, one after the other. */
function titled(name: string, row: readonly unknown[]): string {
  let at = 0;
  return name.replace(/%[sp]/g, () => String(row[at++]));
}

function each(add: (name: string, run: Run) => void) {
  return (table: readonly unknown[]) =>
    (name: string, run: (...row: unknown[]) => unknown): void => {
      for (const it of table) {
        const row = Array.isArray(it) ? it : [it];
        add(titled(name, row), () => run(...row));
      }
    };
}

export function describe(name: string, define: Run): void {
  const before = prefix;
  prefix = `${before}${name} › `;
  define();
  prefix = before;
}
describe.each = each(describe);
describe.skip = (): void => {};

export function test(name: string, run: Run): void {
  collect(name, run);
}
test.each = each(test);
test.skip = (): void => {};

export function afterEach(run: Run): void {
  if (!endings.includes(run)) endings.push(run);
}

/** Returns the names of all tests. */
export function testNames(): string[] {
  return [...tests.keys()];
}

/** Runs a test, and then what `afterEach` was given. */
export async function runTest(name: string): Promise<void> {
  const run = tests.get(name);
  if (run === undefined) throw new Error(`there is no test "${name}"`);
  try {
    await run();
  } finally {
    for (const end of endings) await end();
  }
}

const show = (value: unknown): string => JSON.stringify(value) ?? String(value);

function check(holds: boolean, isNegated: boolean, text: string): void {
  if (holds === isNegated) throw new Error(`expected ${text}${isNegated ? ", which it should not be" : ""}`);
}

function matchers(value: unknown, isNegated: boolean) {
  const is = (holds: boolean, what: string): void => check(holds, isNegated, `${show(value)} to ${what}`);
  const all = value as { readonly length: number; includes(it: unknown): boolean };
  return {
    toBe: (other: unknown) => is(Object.is(value, other), `be ${show(other)}`),
    toEqual: (other: unknown) => is(isDeepStrictEqual(value, other), `equal ${show(other)}`),
    toBeLessThan: (other: number) => is((value as number) < other, `be less than ${other}`),
    toBeLessThanOrEqual: (other: number) => is((value as number) <= other, `be at most ${other}`),
    toBeGreaterThan: (other: number) => is((value as number) > other, `be greater than ${other}`),
    toContain: (other: unknown) => is(all.includes(other), `contain ${show(other)}`),
    toHaveLength: (length: number) => is(all.length === length, `have the length ${length}`),
    toMatch: (pattern: RegExp) => is(pattern.test(value as string), `match ${pattern}`),
    toHaveProperty: (name: string) => is(name in (value as object), `have "${name}"`),
  };
}

export function expect(value: unknown) {
  return { ...matchers(value, false), not: matchers(value, true) };
}
