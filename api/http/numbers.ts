import { TwinwireError } from "../../wasm/errors.ts";
import { show } from "../handles/arguments.ts";

/** The most that the core can be told. */
const MOST_BODY = 2 ** 32 - 1;
const MOST_MS = 2 ** 31 - 1;

/** A bound of a body in bytes. */
export function bodyBound(value: number | undefined, otherwise: number): number {
  return checked("maxBody", value, otherwise, MOST_BODY);
}

/** A time in ms, 0 for none. */
export function duration(name: string, value: number | undefined, otherwise: number): number {
  return checked(name, value, otherwise, MOST_MS);
}

/** A whole number from 0 to `most`. */
export function checked(name: string, value: number | undefined, otherwise: number, most: number): number {
  if (value === undefined) return otherwise;
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  const reason = `${name} is a whole number from 0 to ${most}, not ${show(value)}`;
  throw new TwinwireError("ERR_ARGUMENT", { reason });
}

/** Any number of bytes. */
export const NO_BOUND = MOST_BODY;

/** What is held in memory without being asked. */
export const MAX_WHOLE = 16_777_216;
