/** What TLS options are turned into is kept by their content. */
import { expect, test } from "@jest/globals";
import type { TlsOptions } from "../../adapters/port.ts";
import { TlsCache } from "../../adapters/shared/tls.ts";

const KEPT = 64;

function countingCache(): { get(options: TlsOptions): number; made(): number } {
  let count = 0;
  const cache = new TlsCache(() => ++count);
  return { get: (options) => cache.get(options), made: () => count };
}

test("equal options share one result, in whatever order they are written and whether as text or bytes", () => {
  const cache = countingCache();
  const bytes = (): Uint8Array => new Uint8Array([1, 2, 3]);
  const options: TlsOptions = { servername: "a", ca: bytes() };
  expect(cache.get(options)).toBe(1);
  expect(cache.get(options)).toBe(1);
  expect(cache.get({ ca: bytes(), servername: "a" })).toBe(1);
  expect(cache.get({ ca: bytes(), servername: "b" })).toBe(2);
  expect(cache.get({ ca: new Uint8Array([1, 2, 4]), servername: "a" })).toBe(3);
});

test("the one that was used least recently is forgotten when there are too many", () => {
  const cache = countingCache();
  const named = (index: number): number => cache.get({ servername: `host-${index}` });
  for (let index = 0; index < KEPT; index++) named(index);
  expect(cache.made()).toBe(KEPT);
  expect(named(0)).toBe(1); /* now the one that was used last */
  expect(named(KEPT)).toBe(KEPT + 1); /* forgets host-1 */
  expect(named(0)).toBe(1);
  expect(named(2)).toBe(3);
  expect(cache.made()).toBe(KEPT + 1);
  expect(named(1)).toBe(KEPT + 2);
});

test("options that cannot be used leave nothing behind", () => {
  let wrong = true;
  const cache = new TlsCache(() => {
    if (wrong) throw new Error("no certificate");
    return "made";
  });
  const options: TlsOptions = { servername: "a" };
  expect(() => cache.get(options)).toThrow("no certificate");
  wrong = false;
  expect(cache.get(options)).toBe("made");
});
