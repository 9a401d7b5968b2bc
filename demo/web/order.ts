/** What a page asks for. */
export type Order =
  | { readonly kind: "ping"; readonly at: number }
  | { readonly kind: "rate"; readonly rate: number }
  | { readonly kind: "pause"; readonly on: boolean }
  | { readonly kind: "stall" }
  | { readonly kind: "drop" };

/** Readings a second that a page can choose. */
export const RATES: readonly number[] = [10, 50, 250];

/** What a message of a page asks for; `undefined` if it is nothing that is known. */
export function readOrder(message: string | Uint8Array): Order | undefined {
  if (typeof message !== "string") return undefined;
  let given: unknown;
  try {
    given = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof given !== "object" || given === null || !("kind" in given)) return undefined;
  const { kind } = given;
  if (kind === "stall" || kind === "drop") return { kind };
  if (kind === "pause" && "on" in given && typeof given.on === "boolean") return { kind, on: given.on };
  if (kind === "ping" && "at" in given && typeof given.at === "number") return { kind, at: given.at };
  if (kind === "rate" && "rate" in given && typeof given.rate === "number" && RATES.includes(given.rate)) {
    return { kind, rate: given.rate };
  }
  return undefined;
}
