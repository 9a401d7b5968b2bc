/** Packages that stand on npm's `ws`, as they are published, with ours in its place; in programs of their own. */
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type Child, portFrom, startChild } from "../support/child.ts";
import { endPeers } from "../support/peers.ts";
import { within } from "../support/wait.ts";

afterEach(endPeers);

const programs = fileURLToPath(new URL("./programs/", import.meta.url));

function start(name: string, ours: boolean, ...args: string[]): Child {
  const alias = ours ? ["--require", `${programs}alias.cjs`] : [];
  return startChild(process.execPath, [...alias, `${programs}${name}.cjs`, ...args], { NODE_OPTIONS: "" });
}

/** What the client prints, and the server has to complain about. */
async function play(name: string, server: "ws" | "ours", client: "ws" | "ours"): Promise<string[]> {
  const serving = start(name, server === "ours", "server");
  const port = await portFrom(serving.lines, /^port (\d+)$/);
  const playing = start(name, client === "ours", "client", `${port}`);
  const end = await within(playing.ended, "the end of the client");
  expect([end, ...playing.errors.all, ...serving.errors.all]).toEqual([0]);
  expect(playing.lines.all.at(-1)).toBe(`asked for ws: ${client === "ours"}`);
  return playing.lines.all.slice(0, -1);
}

const pairs = [
  ["ours", "ws"],
  ["ws", "ours"],
  ["ours", "ours"],
] as const;

const expected: Record<string, readonly string[]> = {
  mqtt: ["protocol mqtt", "sensors/0 Wärme 0", "sensors/1 Wärme 1", "sensors/2 Wärme 2", "large 300000 true", "ended"],
  graphql: [
    "Grüße an /graphql",
    "count 1",
    "count 2",
    "count 3",
    'Cannot query field "nothing" on type "Query".',
    "refused 4403",
    "4403 Forbidden",
  ],
  "socket-io": [
    "transports websocket websocket",
    "websocket: Grüße 50000 9, Grüße 50000 9",
    "websocket: Grüße 50000 9, Grüße 50000 9",
    "disconnected io server disconnect",
    "refused not you",
    "engine websocket true",
    "closed forced close",
  ],
};

describe.each(Object.keys(expected))("%s", (name) => {
  test.each(pairs)("the server on %s, the client on %s", async (server, client) => {
    const lines = expected[name]?.map((it) =>
      client === "ws" ? it.replace("websocket true", "websocket its own ws") : it,
    );
    expect(await play(name, server, client)).toEqual(lines);
  });
});
