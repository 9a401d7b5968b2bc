/**
 * The vectors of WebSocket sessions through the C API: ws.h in both roles, against a peer that sends the bytes of the
 * vector over a real socket, and reads what comes back as frames. Events, results, frames and ends are compared.
 */
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { readVectors, type VectorCase } from "../../cli/conformance/file.ts";
import { describeWith } from "../support/child.ts";
import { endPeers } from "../support/peers.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools } from "./build.ts";
import { Driver, endDrivers } from "./driver.ts";
import { type Form, isExpressed, limitsOf, Sessions } from "./session.ts";

/** How many cases of a file can be expressed, at least: the others need a host that refuses, stands still, or has a clock of its own. */
const files: readonly [string, number][] = [
  ["ws-frames.json", 74],
  ["ws-fragments.json", 32],
  ["ws-utf8.json", 61],
  ["ws-control.json", 15],
  ["ws-close.json", 64],
  ["ws-answers.json", 70],
  ["ws-served.json", 216],
];
const forms: readonly Form[] = ["whole", "split", "joined"];

describeWith(buildTools(), "vectors through the C API", () => {
  const vectors = readVectors(new URL("../vectors/", import.meta.url));
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(async () => {
    await endDrivers();
    await endPeers();
  });

  /** Cases with the same limits run on one driver. */
  function grouped(cases: readonly VectorCase[]): Map<string, VectorCase[]> {
    const groups = new Map<string, VectorCase[]>();
    for (const one of cases) {
      const key = limitsOf(one).join(" ");
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    return groups;
  }

  test.each(files.flatMap(([name, least]) => forms.map((form) => [name, form, least] as const)))(
    "%s, %s",
    async (name, form, least) => {
      const cases = vectors.find((file) => file.name === name)?.cases.filter(isExpressed) ?? [];
      expect(cases.length).toBeGreaterThanOrEqual(least);
      const failures: string[] = [];
      for (const [limits, group] of grouped(cases)) {
        const sessions = await Sessions.on(await Driver.start(folder, ...limits.split(" ")));
        for (const one of group) {
          await sessions.run(one, form).catch((error: unknown) => {
            failures.push(`${one.name}: ${error instanceof Error ? error.message : error}`);
          });
        }
      }
      expect(failures).toEqual([]);
    },
    BUILD_PATIENCE,
  );
});
