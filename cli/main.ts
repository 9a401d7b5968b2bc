#!/usr/bin/env node
/** The command `twinwire`. */
import { createWriteStream } from "node:fs";
import { trace as startTrace, version } from "../api/index.ts";
import { Arguments, type Options, tls, UsageError } from "./arguments.ts";
import { type Command, Status } from "./command.ts";
import { conformance } from "./conformance.ts";
import { doctor } from "./doctor.ts";
import { http, resolve } from "./http.ts";
import { Output } from "./output.ts";
import { listen, tcp, udp } from "./streams.ts";
import { trace } from "./trace.ts";
import { ws } from "./ws.ts";

const commands: Readonly<Record<string, Command>> = { ws, tcp, udp, listen, http, resolve, trace, conformance, doctor };

const overview = (): string =>
  [
    "usage: twinwire COMMAND [OPTIONS]",
    "",
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`),
    "",
    "twinwire COMMAND --help lists the options of a command.",
    "twinwire --version prints the version.",
    "Status: 0 success, 1 failure, 2 wrong usage, 130 ended by Ctrl-C.",
  ].join("\n");

/** The options of TLS, four on a line: the help has to fit a screen. */
function tlsHelp(names: readonly string[]): string[] {
  const shown = names.map((name) => {
    const { short, value } = tls[name] ?? {};
    return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  });
  return [shown.slice(0, 4), shown.slice(4)]
    .filter((line) => line.length > 0)
    .map((line, index) => `  ${index === 0 ? "TLS:" : "    "} ${line.join("  ")}`);
}

function helpOf({ summary, usage, options, examples = [] }: Command): string {
  const ofTls = Object.keys(tls).filter((name) => name in options);
  const rest = Object.entries(options).filter(([name]) => !ofTls.includes(name));
  const lines = rest.map(([name, { short, value, help }]) => {
    const flags = `${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
    return `  ${flags.padEnd(34)} ${help}`;
  });
  if (ofTls.length > 0) lines.push(...tlsHelp(ofTls));
  const shown = examples.length === 0 ? [] : ["", "examples:", ...examples.map((it) => `  ${it}`)];
  return [`usage: twinwire ${usage}`, summary, "", ...lines, ...shown].join("\n");
}

/** Runs a command until it ends; the first Ctrl-C ends it orderly, the second at once. */
async function run(command: Command, options: Options, words: readonly string[]): Promise<number> {
  const args = new Arguments(words, options, ...command.positionals);
  if (args.has("help")) {
    process.stdout.write(`${helpOf(command)}\n`);
    return Status.OK;
  }
  const output = new Output(args.has("json"));
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) process.exit(Status.INTERRUPTED);
    interrupt.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  const file = "trace" in options ? args.text("trace") : undefined;
  const lines = file === undefined ? undefined : createWriteStream(file);
  const stop = lines === undefined ? undefined : startTrace((line) => lines.write(`${line}\n`));
  try {
    const status = await command.run(args, output, interrupt.signal);
    return interrupt.signal.aborted ? Status.INTERRUPTED : status;
  } catch (error) {
    if (interrupt.signal.aborted) return Status.INTERRUPTED;
    if (error instanceof UsageError) throw error;
    output.error(error);
    return Status.FAILED;
  } finally {
    stop?.();
    await new Promise<void>((done) => (lines === undefined ? done() : lines.end(() => done())));
  }
}

async function main([name = "--help", ...words]: readonly string[]): Promise<number> {
  if (name === "--version" || name === "-V") {
    process.stdout.write(`${version}\n`);
    return Status.OK;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const isHelp = ["--help", "-h", "help"].includes(name);
    process[isHelp ? "stdout" : "stderr"].write(
      `${isHelp ? "" : `twinwire: unknown command "${name}"\n\n`}${overview()}\n`,
    );
    return isHelp ? Status.OK : Status.USAGE;
  }
  try {
    return await run(command, command.options, words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(
      `twinwire ${name}: ${error.message}\nusage: twinwire ${command.usage}; --help lists the options\n`,
    );
    return Status.USAGE;
  }
}

/* A reader such as head(1) that has seen enough ends the command quietly. */
process.stdout.on("error", (error: NodeJS.ErrnoException) =>
  process.exit(error.code === "EPIPE" ? Status.OK : Status.FAILED),
);

process.exitCode = await main(process.argv.slice(2));
/* Output that is still on its way leaves first; nothing else has to keep the process. */
process.stdout.write("", () => process.exit());
