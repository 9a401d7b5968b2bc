/** Starting and stopping, threads, and a process without descriptors: a program in C of its own, lifecycle.c. */
import { beforeAll, expect, test } from "@jest/globals";
import { describeWith } from "../support/child.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools, runToEnd } from "./build.ts";

describeWith(buildTools(), "the POSIX host: its life", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
  }, BUILD_PATIENCE);

  test("starting, stopping, waking, and no descriptors left", async () => {
    expect(await runToEnd(`${folder}/lifecycle`, [])).toMatch(/^[1-9]\d* passed, 0 failed\n$/);
  }, 60_000);
});
