// Bundles a worker as wrangler does: by the condition "workerd", with core.wasm as a module of its own. In the suites of
// test/adapters, what only Node has is replaced: the runner of tests, and the peers, which stay in Node.
//
//   node test/workerd/bundle.mjs ENTRY FILE

import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const [, , entry, file] = process.argv;

const replacements = [
  [/^@jest\/globals$/, "runner.ts"],
  [/support\/peers\.ts$/, "remote-peers.ts"],
  [/(support\/(child|deaf|faults|host)|tls-support)\.ts$/, "absent.ts"],
];

const replace = {
  name: "replace",
  resolveId(source) {
    const found = replacements.find(([pattern]) => pattern.test(source));
    return found === undefined ? undefined : here(found[1]);
  },
};

const bundle = await rolldown({
  input: entry,
  external: [/^cloudflare:/, /^node:/, /\.wasm$/],
  makeAbsoluteExternalsRelative: false,
  resolve: { conditionNames: ["workerd", "import", "default"] },
  platform: "neutral",
  plugins: [replace],
  tsconfig: false,
});
await bundle.write({ file, format: "es" });
