/**
 * What only a program of its own can show. lifecycle.c: starting and stopping, threads, a process without descriptors.
 * edges.c: system calls that fail. faults.c: any of them, by a seed; `build/posix-sanitized/faults 1 5000` runs longer.
 * calls.c, web.c, pool.c: connections, HTTP and kept connections of it with calls that wait. waiting.c: such calls from
 * several threads. addresses.c: names with several addresses, look-ups that take their time. settings.c: timers, an allocator, a log, options of sockets. refusals.c: bad input.
 */
import { beforeAll, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools, runToEnd } from "./build.ts";

describeWith(buildTools(), "the POSIX host: its life", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);

  const programs = [
    "lifecycle",
    "addresses",
    "edges",
    "faults",
    "calls",
    "waiting",
    "web",
    "pool",
    "settings",
    "refusals",
  ];
  test.each(programs)("%s", async (program) => {
    expect(await runToEnd(`${folder}/${program}`, [])).toMatch(/^[1-9]\d* passed, 0 failed\n$/);
  });
});
