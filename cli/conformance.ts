/** `twinwire conformance`: runs the shared test vectors on this runtime. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { help, UsageError } from "./arguments.ts";
import { type Command, Status } from "./command.ts";
import type { VectorFile } from "./conformance/file.ts";

/** The vectors that the package carries, beside the program: some of the project's. */
function shipped(): readonly VectorFile[] {
  const text = brotliDecompressSync(readFileSync(new URL("./vectors.json.br", import.meta.url))).toString();
  return JSON.parse(text) as VectorFile[];
}

async function vectorsOf(folder: string | undefined): Promise<readonly VectorFile[]> {
  if (folder === undefined) return shipped();
  const { readVectors } = await import("./conformance/index.ts");
  try {
    return readVectors(pathToFileURL(`${resolve(folder)}/`));
  } catch (error) {
    throw new UsageError(
      `${folder} is not a folder of test vectors: ${error instanceof Error ? error.message : error}`,
    );
  }
}

export const conformance: Command = {
  summary: "run the shared test vectors on this runtime",
  usage: "conformance [FOLDER]",
  positionals: [0, 1],
  options: {
    only: { value: "NAME", help: "only files whose name begins with NAME, such as ws-" },
    json: { help: "print one JSON object for each file and each failure" },
    help,
  },
  examples: ["twinwire conformance", "twinwire conformance test/vectors --only http"],
  async run(args, output, signal) {
    const only = args.text("only") ?? "";
    const vectors = await vectorsOf(args.positionals[0]);
    const files = vectors.filter(({ name }) => name.startsWith(only));
    /* Loaded here, so that the other commands start without it. */
    const { CoreMachine, runCase } = await import("./conformance/index.ts");
    const machine = new CoreMachine();
    const total = { passed: 0, failed: 0 };
    for (const { name, cases } of files) {
      const failures = cases.map((one) => runCase(machine, one).failure).filter((it) => it !== undefined);
      const [passed, failed] = [cases.length - failures.length, failures.length];
      total.passed += passed;
      total.failed += failed;
      if (output.json) output.event({ event: "file", file: name, passed, failed, failures }, "");
      else output.data(`${name.padEnd(28)} ${passed} passed${failed === 0 ? "" : `, ${failed} failed`}`, true);
      if (!output.json) for (const failure of failures) output.data(`  ${failure}`, true);
      /* Ctrl-C takes effect between two files. */
      await new Promise((done) => setImmediate(done));
      if (signal.aborted) return Status.INTERRUPTED;
    }
    const { passed, failed } = total;
    if (output.json) output.event({ event: "total", passed, failed }, "");
    else output.data(`${passed} passed, ${failed} failed`, true);
    if (args.positionals.length === 0)
      output.event(
        { event: "note", sample: true },
        "these were a sample; to run all of them, name the folder test/vectors of a checkout of twinwire",
      );
    return failed > 0 || passed === 0 ? Status.FAILED : Status.OK;
  },
};
