/**
 * The one checker of options. An API describes its options by rules and reads what the user passed once:
 *
 * ```ts
 * const serverOptions = new OptionSet<ServerOptions>({ backlog: integer(1, 65_535), tls: tlsOptions.rule });
 * const { backlog = 511, tls } = serverOptions.read("TcpServer", given);
 * ```
 *
 * Options are own, enumerable properties of a plain object. The result is a copy that has each known option as an own
 * property, `undefined` where it was not passed, so that nothing is ever read from a prototype.
 */
import { type ErrorStep, TwinwireError } from "../../wasm/errors.ts";
import type { Pem, TlsOptions } from "../../wasm/port-types.ts";
import { show } from "./arguments.ts";

/**
 * Checks one option and returns what is used of it, a copy if it can change. `path` names the option in messages. Throws
 * `Mismatch`, or lets through what the value itself throws.
 */
export type Rule<T> = (value: unknown, path: string) => T;

/** A rule for each option of `T`. */
export type Rules<T> = { readonly [K in keyof T]-?: Rule<T[K]> };

/** The longest time that an option may name, in ms: 31 bits, almost 25 days. */
export const MAX_MS = 2 ** 31 - 1;

/** Names that differ by more edits than this are not offered in place of an unknown one. */
const MOST_EDITS = 3;

/** Why an option can't be used. */
class Mismatch extends Error {
  readonly remedy: string | undefined;

  constructor(problem: string, remedy?: string) {
    super(problem);
    this.remedy = remedy;
  }
}

/** The options of one call or class. `T` has optional properties only, or the caller checks that the others are there. */
export class OptionSet<T extends object> {
  /** For sets that have these options, too. */
  readonly rules: Rules<T>;
  readonly #rules: ReadonlyMap<string, Rule<unknown>>;
  /** Each option as an own property. To copy it gives every result the same shape. */
  readonly #blank: T;
  /** The rule for an option that holds options. */
  readonly rule: Rule<T> = (value, path) => this.#copy(value, path, path);

  constructor(rules: Rules<T>) {
    this.rules = rules;
    this.#rules = new Map(Object.entries<Rule<unknown>>(rules));
    const blank = Object.fromEntries(Object.keys(rules).map((name) => [name, undefined]));
    this.#blank = blank as T;
  }

  /** The names of all options, in the order of their rules. */
  get names(): string[] {
    return [...this.#rules.keys()];
  }

  /**
   * Reads and checks options. `undefined` stands for none.
   *
   * @param operation what the message begins with: the class or function that was called.
   * @throws TwinwireError ERR_ARGUMENT for an unknown name, a value that its rule refuses, and a getter that throws.
   */
  read(operation: string, given: unknown, step: ErrorStep = "open"): T {
    if (given === undefined) return { ...this.#blank };
    try {
      return this.#copy(given, "", "options");
    } catch (error) {
      const [problem, remedy, cause] =
        error instanceof Mismatch
          ? [error.message, error.remedy]
          : ["an option can't be read", "make it a plain property, or a getter that does not throw", error];
      throw new TwinwireError("ERR_ARGUMENT", { step, operation, problem, remedy, cause });
    }
  }

  #copy(given: unknown, prefix: string, path: string): T {
    if (!isPlainObject(given)) throw new Mismatch(`${path} must be a plain object, not ${show(given)}`);
    const copy = { ...this.#blank } as Record<string, unknown>;
    for (const name of Object.keys(given)) {
      const value = given[name];
      if (value === undefined) continue;
      const rule = this.#rules.get(name);
      if (rule === undefined) throw this.#unknown(name, prefix);
      copy[name] = rule(value, prefix === "" ? name : `${prefix}.${name}`);
    }
    return copy as T;
  }

  #unknown(name: string, prefix: string): Mismatch {
    const full = (option: string): string => JSON.stringify(prefix === "" ? option : `${prefix}.${option}`);
    const nearest = nearestOf(name, this.names);
    const remedy =
      nearest === undefined ? `the options are ${this.names.join(", ")}` : `did you mean ${full(nearest)}?`;
    return new Mismatch(`unknown option ${full(name.slice(0, 100))}`, remedy);
  }
}

/** A value that `test` accepts, as it is. `expected` completes "must be". */
export function value<T>(expected: string, test: (given: unknown) => given is T): Rule<T> {
  return (given, path) => {
    if (test(given)) return given;
    throw mismatch(path, expected, given);
  };
}

/** A whole number in a range. `-0` is 0. */
export function integer(least: number, most: number): Rule<number> {
  const expected = `a whole number from ${least} to ${most}`;
  return (given, path) => {
    if (Number.isInteger(given) && (given as number) >= least && (given as number) <= most)
      return (given as number) + 0;
    throw mismatch(path, expected, given);
  };
}

/** A number in a range, which may have a fraction. `-0` is 0. */
export function number(least: number, most: number): Rule<number> {
  const expected = `a number from ${least} to ${most}`;
  return (given, path) => {
    if (typeof given === "number" && given >= least && given <= most) return given + 0;
    throw mismatch(path, expected, given);
  };
}

/** `true` or `false`. */
export const flag: Rule<boolean> = value("true or false", (given) => typeof given === "boolean");

/** Text. */
export const text: Rule<string> = value("a string", (given) => typeof given === "string");

/** A function, which is not called here. */
export function callback<F extends (...args: never[]) => unknown>(): Rule<F> {
  return value("a function", (given): given is F => typeof given === "function");
}

/** An `AbortSignal`, of the runtime or of a library. */
export const signal: Rule<AbortSignal> = value(
  "an AbortSignal",
  (given): given is AbortSignal =>
    typeof given === "object" &&
    given !== null &&
    typeof (given as AbortSignal).aborted === "boolean" &&
    typeof (given as AbortSignal).addEventListener === "function",
);

/** One of some values, compared by `===`. */
export function oneOf<const T extends string | number | boolean | null>(...values: readonly T[]): Rule<T> {
  const expected = values.map((it) => JSON.stringify(it)).join(" or ");
  return (given, path) => {
    const found = values.find((it) => it === given);
    if (found === undefined) throw mismatch(path, expected, given);
    return found; /* not what was given: -0 is 0 */
  };
}

/** An array, copied, each element of which follows a rule. `least` elements at least. */
export function listOf<T>(rule: Rule<T>, expected: string, least = 0): Rule<readonly T[]> {
  return (given, path) => {
    if (!Array.isArray(given) || given.length < least) throw mismatch(path, expected, given);
    return Array.from(given, (element, at) => rule(element, `${path}[${at}]`));
  };
}

/** What one of two rules accepts. The first decides if `test` holds, else the second. */
export function either<A, B>(test: (given: unknown) => boolean, first: Rule<A>, second: Rule<B>): Rule<A | B> {
  return (given, path) => (test(given) ? first(given, path) : second(given, path));
}

/** As an option set's rule, for an object in which all of `names` have to be there. */
export function complete<T extends object>(set: OptionSet<T>): Rule<Required<T>> {
  return (given, path) => {
    const copy = set.rule(given, path) as Record<string, unknown>;
    const missing = set.names.find((name) => copy[name] === undefined);
    if (missing !== undefined) throw new Mismatch(`${path}.${missing} is missing`);
    return copy as Required<T>;
  };
}

function mismatch(path: string, expected: string, given: unknown): Mismatch {
  return new Mismatch(`${path} must be ${expected}, not ${show(given)}`);
}

/** Whether it is an object with the prototype of object literals, in whatever realm it was made, or with none. */
function isPlainObject(given: unknown): given is Readonly<Record<string, unknown>> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The name that was probably meant, or `undefined` if none is near. */
export function nearestOf(name: string, names: readonly string[]): string | undefined {
  if (name.length > 100) return undefined;
  const most = Math.min(MOST_EDITS, Math.ceil(name.length / 3));
  let nearest: string | undefined;
  let least = most + 1;
  for (const other of names) {
    const edits = editsBetween(name.toLowerCase(), other.toLowerCase());
    if (edits < least) [nearest, least] = [other, edits];
  }
  return nearest;
}

/** The Levenshtein distance of two texts. */
function editsBetween(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next[j] = Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1);
    }
    row = next;
  }
  return row[other.length] as number;
}

/** A SHA-256 fingerprint: 32 bytes in hex. */
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

const PEM = "PEM as a string or bytes";

/* To a runtime, an empty list of authorities may mean its own list. */
const isPem = value(PEM, (given): given is Pem =>
  typeof given === "string" ? given.includes("-----BEGIN ") : given instanceof Uint8Array && given.length > 0,
);

/** Bytes are copied: the user may reuse them. */
const pem: Rule<Pem> = (given, path) => {
  const found = isPem(given, path);
  return typeof found === "string" ? found : Uint8Array.from(found);
};

const authorities = listOf(pem, `${PEM}, or a list of such`, 1);
const isName = value("a protocol name", (given): given is string => typeof given === "string" && given !== "");

/** The options named `tls`. */
export const tlsOptions = new OptionSet<TlsOptions>({
  ca: (given, path) => (Array.isArray(given) ? authorities(given, path) : pem(given, path)),
  cert: pem,
  key: pem,
  passphrase: text,
  servername: text,
  alpn: listOf(isName, "a list of protocol names"),
  rejectUnauthorized: flag,
  requestCert: flag,
  pin: value(
    "a SHA-256 fingerprint: 64 hex digits, with or without colons",
    (given): given is string => typeof given === "string" && FINGERPRINT.test(given),
  ),
  minVersion: oneOf("TLSv1.2", "TLSv1.3"),
});

/** Whether two sets of checked options say the same, secrets included. */
export function sameTls(one: TlsOptions, other: TlsOptions): boolean {
  return tlsOptions.names.every((name) => sameValue(one[name as keyof TlsOptions], other[name as keyof TlsOptions]));
}

function sameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  const areBytes = one instanceof Uint8Array && other instanceof Uint8Array;
  const areLists = Array.isArray(one) && Array.isArray(other);
  if (!areBytes && !areLists) return false;
  return one.length === other.length && one.every((element, at) => sameValue(element, other[at]));
}
