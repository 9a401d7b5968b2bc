/** Where the tests run, and what is known to differ there. */
import { readFileSync } from "node:fs";

/** The runtime that these tests run on. */
export type HostName = "node" | "bun" | "deno";

interface Difference {
  readonly id: string;
  readonly hosts: readonly HostName[];
  readonly what: string;
  readonly why: string;
}

/** The capabilities of each host: `"yes"`, or a restriction. */
export type Capability = {
  readonly id: string;
  readonly what: string;
  /** The suite and the test that every host which can do it passes. */
  readonly proof: readonly [string, string];
} & { readonly [host in HostName]?: string };

/** The tables of docs/hosts.md. */
export const hosts: { readonly capabilities: readonly Capability[]; readonly differences: readonly Difference[] } =
  JSON.parse(readFileSync(new URL("../hosts.json", import.meta.url), "utf8"));

/** The host of this run. */
export const host: HostName =
  (["bun", "deno"] as const).find((name) => Object.hasOwn(process.versions, name)) ?? "node";

/** Whether something is different on this host. What it is stands in test/hosts.json, and so in docs/hosts.md. */
export function differs(id: string): boolean {
  const found = hosts.differences.find((it) => it.id === id);
  if (found === undefined) throw new Error(`no difference is called ${id}`);
  return found.hosts.includes(host);
}

/** What a program printed of objects, without what runtimes do differently: quotes, line breaks, spaces. */
export function inspected(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/([[{]) | (?=[\]}])/g, "$1")
    .replaceAll(/,(?=[\]}])/g, "");
}
