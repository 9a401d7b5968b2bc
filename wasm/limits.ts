import { type Limits, limitFields } from "./abi.gen.ts";
import { TwinwireError } from "./errors.ts";

/** The least stage buffer that holds the arguments of every call; the core's own minimum is for hosts that need none. */
const LEAST_STAGE = 1024;

const names = Object.keys(limitFields) as (keyof Limits)[];

/**
 * All limits: those given, and a host's defaults for the rest. The buffer by which a message reaches the core grows with
 * `sendBuffer` unless it is set itself.
 *
 * @throws TwinwireError ERR_ARGUMENT for a name that is no limit, or a value outside its range.
 */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  if (typeof given !== "object" || given === null) throw wrong("limits are given as an object");
  for (const name of Object.keys(given)) {
    if (!(name in limitFields)) throw wrong(`there is no limit "${name}"; the limits are ${names.join(", ")}`);
  }
  const limits = Object.fromEntries(
    names.map((name) => [name, given[name] === undefined ? limitFields[name].host : given[name]]),
  );
  const complete = limits as unknown as Limits;
  if (given.stageBuffer === undefined) {
    complete.stageBuffer = Math.max(complete.stageBuffer, Math.min(complete.sendBuffer, limitFields.stageBuffer.max));
  }
  for (const name of names) checkRange(name, complete[name]);
  return complete;
}

function checkRange(name: keyof Limits, value: number): void {
  const { max } = limitFields[name];
  const min = name === "stageBuffer" ? LEAST_STAGE : limitFields[name].min;
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw wrong(`${name} is a whole number from ${min} to ${max}, not ${String(value)}`);
}

function wrong(reason: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { reason });
}
