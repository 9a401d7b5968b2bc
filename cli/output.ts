/** What a command prints: data on stdout, everything about it on stderr, colours only where a terminal shows them. */
import { styleText } from "node:util";
import { TwinwireError } from "../wasm/errors.ts";

type Style = "dim" | "green" | "red" | "cyan";

export class Output {
  readonly json: boolean;

  constructor(json: boolean) {
    this.json = json;
  }

  /** Whether a person reads stdout. */
  get interactive(): boolean {
    return process.stdout.isTTY === true && process.stdin.isTTY === true && !this.json;
  }

  /** Received data, as it is; lines with a newline. */
  data(data: string | Uint8Array, line: boolean): void {
    process.stdout.write(data);
    if (line) process.stdout.write("\n");
  }

  /** An event: an object on stdout with `--json`, otherwise a line on stderr, or nothing if `text` is empty. */
  event(event: Readonly<Record<string, unknown>>, text: string, style: Style = "dim"): void {
    if (this.json) process.stdout.write(`${JSON.stringify(event)}\n`);
    else if (text !== "") process.stderr.write(`${paint(style, text)}\n`);
  }

  /** An error: `{"event":"error", ...}` with `--json`, always a line on stderr. */
  error(error: unknown): void {
    const code = error instanceof TwinwireError ? error.code : (error as { code?: string }).code;
    const message = error instanceof Error ? error.message : String(error);
    if (this.json) process.stdout.write(`${JSON.stringify({ event: "error", code, message })}\n`);
    process.stderr.write(`${paint("red", `twinwire: ${message}`)}\n`);
  }
}

/** Text in a colour, if stderr is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  const { NO_COLOR } = process.env;
  if (process.stderr.isTTY !== true || (NO_COLOR !== undefined && NO_COLOR !== "")) return text;
  return styleText(style, text, { stream: process.stderr });
}

/** Bytes in JSON: text where they are UTF-8, otherwise `{ base64 }`. */
export function jsonData(bytes: Uint8Array): string | { base64: string } {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}
