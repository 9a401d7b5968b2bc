/** The arguments of a command: options as people know them from curl, wscat and websocat, by node:util's parseArgs. */
import { readFileSync } from "node:fs";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { nearestOf } from "../api/internal/options.ts";
import type { TlsOptions } from "../wasm/port-types.ts";

/** What the user typed wrong; the command ends with status 2. */
export class UsageError extends Error {}

/** An option of a command. */
export interface Option {
  readonly short?: string;
  /** What stands for its value in the help; without it the option is a switch. */
  readonly value?: string;
  readonly multiple?: boolean;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;

export const help: Option = { short: "h", help: "print this help" };

export const common: Options = {
  json: { help: "print one JSON object for each event" },
  trace: { value: "FILE", help: "record a trace, for `twinwire trace`" },
  help,
};

export const tls: Options = {
  cacert: { value: "FILE", help: "trust the authorities in this PEM file" },
  cert: { short: "E", value: "FILE", help: "certificate of this side, PEM" },
  key: { value: "FILE", help: "its private key, PEM" },
  passphrase: { value: "TEXT", help: "of the private key" },
  servername: { value: "NAME", help: "server name to send and verify (SNI)" },
  pin: { value: "SHA256", help: "require this fingerprint of the peer's certificate" },
  insecure: { short: "k", help: "accept any certificate" },
};

/** The parsed arguments of a command. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(args: readonly string[], options: Options, least: number, most: number) {
    const config: NonNullable<ParseArgsConfig["options"]> = {};
    for (const [name, { short, value, multiple = false }] of Object.entries(options)) {
      const type = value === undefined ? "boolean" : "string";
      config[name] = short === undefined ? { type, multiple } : { type, short, multiple };
    }
    try {
      const parsed = parseArgs({ args: [...args], options: config, allowPositionals: true });
      this.positionals = parsed.positionals;
      this.#values = parsed.values;
    } catch (error) {
      throw new UsageError(problemOf(error, options));
    }
    if (this.has("help")) return;
    const { length } = this.positionals;
    if (length < least) throw new UsageError("an argument is missing");
    if (length > most) throw new UsageError(`unexpected argument "${this.positionals[most]}"`);
  }

  has(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** Returns a number of seconds, in milliseconds. */
  milliseconds(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const seconds = Number(text);
    if (text.trim() === "" || !(seconds >= 0))
      throw new UsageError(`--${name} takes a number of seconds, not "${text}"`);
    return Math.round(seconds * 1000);
  }

  /** Returns the options of TLS; `undefined` if none was given. */
  tls(): TlsOptions | undefined {
    const file = (name: string): string | undefined => {
      const path = this.text(name);
      return path === undefined ? undefined : readText(path, `--${name}`);
    };
    const given = {
      ca: file("cacert"),
      cert: file("cert"),
      key: file("key") ?? file("cert"),
      passphrase: this.text("passphrase"),
      servername: this.text("servername"),
      pin: this.text("pin"),
      rejectUnauthorized: this.has("insecure") ? false : undefined,
    };
    const set = Object.entries(given).filter(([, value]) => value !== undefined);
    return set.length === 0 ? undefined : Object.fromEntries(set);
  }

  /** Returns the headers of `--header "Name: value"`, `--user name:password` and the like. */
  headers(): Record<string, string> {
    const headers: Record<string, string> & { Authorization?: string; Origin?: string } = {};
    const user = this.text("user");
    if (user !== undefined) headers.Authorization = `Basic ${Buffer.from(user).toString("base64")}`;
    const origin = this.text("origin");
    if (origin !== undefined) headers.Origin = origin;
    for (const line of this.list("header")) {
      const colon = line.indexOf(":");
      if (colon < 1) throw new UsageError(`--header takes "Name: value", not "${line}"`);
      headers[line.slice(0, colon)] = line.slice(colon + 1).trim();
    }
    return headers;
  }
}

/** Returns the text of a file that the user named. */
export function readText(path: string, argument: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`${argument}: cannot read ${path}${code === "ENOENT" ? ": no such file" : ` (${code})`}`);
  }
}

/** Returns what parseArgs found wrong; without its advice on `--`, and with the option that was probably meant. */
function problemOf(error: unknown, options: Options): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown option '-+([^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return message;
  const dashes = unknown.length === 1 ? "-" : "--";
  const nearest = unknown.length === 1 ? undefined : nearestOf(unknown, Object.keys(options));
  return `unknown option ${dashes}${unknown}${nearest === undefined ? "" : `; did you mean --${nearest}?`}`;
}

/** Parses an address: `host:port`, `[ipv6]:port`, `host port`, or a port alone. */
export function parseAddress(words: readonly string[], defaultHost = ""): { host: string; port: number } {
  const joined = words.join(":");
  const match = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?(\d+)$/.exec(joined);
  const port = Number(match?.[3]);
  if (match === null || port > 65535)
    throw new UsageError(`"${words.join(" ")}" is not an address; write HOST:PORT with a port of at most 65535`);
  return { host: match[1] ?? (match[2] || defaultHost), port };
}
