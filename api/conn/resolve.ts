import { defaultEngine } from "../../wasm/host.ts";
import { flag, OptionSet, oneOf, signal } from "../internal/options.ts";
import type { WaitOptions } from "./options.ts";

/** What `resolve` may be asked for. */
export interface ResolveOptions extends WaitOptions {
  /** Only addresses of this family. */
  readonly family?: 4 | 6 | undefined;
  /** All addresses instead of the first. */
  readonly all?: boolean | undefined;
}

const resolveOptions = new OptionSet<ResolveOptions>({ family: oneOf(4, 6), all: flag, signal });

/**
 * Looks a host name up; a literal address is its own answer.
 *
 * ```ts
 * await resolve("localhost"); // "127.0.0.1"
 * ```
 *
 * @returns the first address, or with `all` every one, in the order in which they are to be tried.
 * @throws TwinwireError ERR_ARGUMENT, ERR_NAME_NOT_FOUND, ERR_NAME_FAILED, ERR_ABORTED.
 */
export function resolve(host: string, options: ResolveOptions & { readonly all: true }): Promise<string[]>;
export function resolve(host: string, options?: ResolveOptions & { readonly all?: false | undefined }): Promise<string>;
export async function resolve(host: string, options?: ResolveOptions): Promise<string | string[]> {
  const { all = false, family, signal } = resolveOptions.read("resolve", options, "resolve");
  const found = await defaultEngine().resolve(host, { family, signal });
  return all ? found : (found[0] as string);
}
