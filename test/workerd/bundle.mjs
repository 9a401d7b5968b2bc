// Bundles worker.mjs as wrangler does: by the condition "workerd", with core.wasm as a module of its own.
//
//   node test/workerd/bundle.mjs FILE

import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const bundle = await rolldown({
  input: fileURLToPath(new URL("worker.mjs", import.meta.url)),
  external: [/^cloudflare:/, /\.wasm$/],
  makeAbsoluteExternalsRelative: false,
  resolve: { conditionNames: ["workerd", "import", "default"] },
  platform: "neutral",
});
await bundle.write({ file: process.argv[2], format: "es" });
