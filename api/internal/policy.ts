/** Address policies of clients: which addresses a connection may go to. The core applies them; here they become its rules. */
import { TwinwireError } from "../../wasm/errors.ts";
import { listOf, OptionSet, oneOf, value } from "./options.ts";

/**
 * The addresses that a client may connect to. It keeps names, redirects and name servers that others control from leading
 * into your own network. Checked for every address that a name resolves to, on each attempt and after redirects.
 *
 * What `allow` lists is allowed; of the rest, what `deny` lists is denied. Without `deny` everything else is denied.
 */
export interface AddressPolicy {
  /**
   * Addresses (`"192.0.2.7"`), prefixes (`"10.0.0.0/8"`, `"fd00::/8"`), and `"private"`: loopback, private, link-local and all
   * other addresses that are not globally reachable (RFC 6890), and multicast. Also `"private"` alone.
   */
  readonly deny?: "private" | readonly string[] | undefined;
  /** Addresses and prefixes that are allowed although `deny` has them. */
  readonly allow?: readonly string[] | undefined;
}

/** The core has the last word on what an address is. */
const prefix = value(
  'an IP address, a prefix such as "10.0.0.0/8", or "private"',
  (given): given is string => typeof given === "string" && /^(?:private|[0-9a-f.:]+(?:\/\d{1,3})?)$/i.test(given),
);
const prefixes = listOf(prefix, "an array of addresses and prefixes, not empty", 1);
const everything = oneOf("private");

const options = new OptionSet<AddressPolicy>({
  deny: (given, path) => (Array.isArray(given) ? prefixes(given, path) : everything(given, path)),
  allow: prefixes,
});

/** The rule of the option `policy`. */
export const policy = options.rule;

/** A policy as the rules of the core; `undefined`: none. `{}` is one that allows nothing, so the core refuses it. */
export function rulesOf(policy: AddressPolicy | undefined): string | undefined {
  if (policy === undefined) return undefined;
  const deny = typeof policy.deny === "string" ? [policy.deny] : (policy.deny ?? []);
  return [...deny.map((it) => `-${it}`), ...(policy.allow ?? []).map((it) => `+${it}`)].join(",");
}

/** @throws TwinwireError ERR_ARGUMENT if a policy cannot hold because a proxy is to resolve the name. */
export function refuseProxy(policy: AddressPolicy | undefined, proxy: unknown): void {
  if (policy === undefined || proxy === undefined) return;
  throw new TwinwireError("ERR_ARGUMENT", {
    step: "open",
    reason: "policy: a proxy connects to addresses of its own choice; pass proxy: null",
  });
}
