// The suites that judge mutants of the hosts in TypeScript, of which Node's is run.

import { listFiles } from "../../wasm/build/project.mjs";

const sources = () =>
  ["adapters/node", "adapters/node-api", "adapters/shared"].flatMap((path) => listFiles(path, ".ts"));

/** The files of tests that are about a source; without a path all that may judge. */
function files(path) {
  const host = ["node", "node-connections", "node-faults"].map((name) => `test/adapters/${name}.test.ts`);
  const topics = [
    [/deflate/, ["test/adapters/deflate.test.ts", "test/api/websocket-deflate.test.ts"]],
    [/udp|send-queue/, [...host, "test/api/udp.test.ts"]],
    [/tls/, ["test/adapters/tls-cache.test.ts", ...host, "test/api/tls.test.ts"]],
    [/race|errors|resolve/, ["test/adapters/race.test.ts", ...host]],
  ];
  const shared = [...host, "test/api/close.test.ts"];
  if (path === undefined) return [...new Set([...shared, ...topics.flatMap(([, names]) => names)])];
  return topics.find(([source]) => source.test(path))?.[1] ?? shared;
}

export const hosts = { sources, suites: { name: "suites", files } };
