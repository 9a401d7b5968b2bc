// Runs jest on any runtime, and once more the files that failed.

import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "../wasm/build/project.mjs";
import { print } from "./output.mjs";
import { run } from "./run.mjs";

/** What a suite takes at most, on a machine that has other work. */
const SUITE_SECONDS = 1_200;

/** More files than these do not fail by chance. */
const MOST_AGAIN = 3;

/** The report of jest, or undefined if it has not written one, and its exit code. */
async function runJest(args, { runtime, env, name }) {
  const file = join(root, `build/jest-${name}.json`);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const [program, ...before] = runtime;
  const command = [...before, "node_modules/jest/bin/jest.js", "--json", `--outputFile=${file}`, ...args];
  const { status } = await run(program, command, {
    seconds: SUITE_SECONDS,
    env: { NODE_OPTIONS: "--experimental-vm-modules", NODE_NO_WARNINGS: "1", ...env },
  });
  return { status, report: existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined };
}

function countsOf({ status, report }) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  /* A suite that cannot be loaded has no failing test; it counts as one. */
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return {
    passed: report.numPassedTests,
    failed: status === 0 ? failed : Math.max(failed, 1),
    skipped: report.numPendingTests,
  };
}

/** Tests of random seeds: another run would have others, and a seed that fails is a find. */
const isRandom = ({ name }) => name.endsWith("/test/sim/lives.test.ts");

const isPassed = ({ status }) => status === "passed";

const failedFiles = (report) => report?.testResults.filter((it) => it.status === "failed") ?? [];

/** The names of the tests that failed, with their files. */
function failedTests(report) {
  return failedFiles(report).flatMap(({ name, assertionResults }) =>
    assertionResults.filter((it) => it.status === "failed").map((it) => `${relative(root, name)}: ${it.fullName}`),
  );
}

/**
 * Jest, by the runtime that this runs on or by the command of another. If few files fail, they run once more, one after the
 * other, and that decides; `unsteady` names the tests that failed the first time only.
 */
export async function jest(args, { runtime = [process.execPath], env = {}, name = "js" } = {}) {
  const first = await runJest(args, { runtime, env, name });
  const counts = countsOf(first);
  const files = failedFiles(first.report);
  if (files.length === 0 || files.length > MOST_AGAIN || files.some(isRandom)) return counts;
  print(`\nonce more, alone: ${files.map((it) => relative(root, it.name)).join(", ")}`);
  const paths = files.map((it) => it.name);
  const rerun = [
    "--runInBand",
    "--runTestsByPath",
    ...paths,
    ...args.filter((it) => it.startsWith("--cacheDirectory")),
  ];
  const second = await runJest(rerun, { runtime, env, name: `${name}-again` });
  const again = countsOf(second);
  if (again.failed > 0) return counts;
  /* Of these files, the second run counts. */
  const passed = counts.passed - files.flatMap((it) => it.assertionResults.filter(isPassed)).length + again.passed;
  return { ...counts, passed, failed: 0, unsteady: failedTests(first.report) };
}
