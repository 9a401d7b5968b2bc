/** The suites of test/adapters inside workerd: the tests run there, against peers that stay here. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { makeCertificates } from "../api/certificates.ts";
import { runInWorkerd } from "./peer-host.ts";
import { hasWorkerd, startWorkerd, type Workerd } from "./start.ts";

/** Tests that cannot pass there, by the beginning of their names, and why. */
const absent: readonly (readonly [string, string])[] = [
  ["workerd: UDP ›", "workerd has no UDP: ERR_UNSUPPORTED (workerd.test.ts)"],
  ["workerd: TCP › both ends have their addresses", "it tells a socket neither of its addresses"],
  ["workerd: TCP › failures are delivered", "a name that is not found is ERR_REFUSED there: the errors are the same"],
  ["workerd: TCP › an abort is a reset", "close() of cloudflare:sockets sends FIN, and nothing resets"],
  [
    "workerd: the end of our half › over TLS",
    "TLS takes no certificates there but by workerd's configuration (workerd.test.ts)",
  ],
  ["workerd: TLS that breaks off", "as above"],
  ["workerd: a host with several addresses", "workerd looks names up itself and shows no addresses"],
  ["workerd: look-ups", "as above"],
  ["workerd: datagrams and a close", "no UDP"],
  [
    "workerd: writes and a peer that breaks off › a peer that",
    "the peer is in another process, and a message stops its reading: it may have read all of it by then",
  ],
  ["workerd: a process without free descriptors", "its processes are of Node"],
];

const withWorkerd = hasWorkerd ? test : test.skip;

let workerd: Workerd | undefined;

beforeAll(async () => {
  if (!hasWorkerd) return;
  const { ca } = makeCertificates();
  workerd = await startWorkerd({
    entry: "suites.ts",
    ca,
    compatibilityDate: "2026-01-01",
    compatibilityFlags: ["nodejs_compat"],
  });
});

afterAll(() => workerd?.stop());

withWorkerd(
  "the tests of the suites pass in workerd",
  async () => {
    const { url } = workerd as Workerd;
    const names = (await (await fetch(url)).json()) as string[];
    const isAbsent = (name: string): boolean => absent.some(([start]) => name.startsWith(start));
    const failed: string[] = [];
    for (const name of names.filter((it) => !isAbsent(it))) {
      const error = await runInWorkerd(url, name);
      if (error !== null) failed.push(`${name}: ${error}`);
    }
    expect(failed).toEqual([]);
    /* A line of the list that no test begins with is out of date. */
    expect(absent.filter(([start]) => !names.some((name) => name.startsWith(start)))).toEqual([]);
  },
  120_000,
);
