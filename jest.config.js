/** The runtime that jest runs on: its adapter is the one under test. */
const host = ["bun", "deno"].find((name) => name in process.versions) ?? "node";
// test/support/deno-as-node.sh runs it.
if (host === "deno") process.env.DENO = process.execPath;

export default {
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  // Each host's own suite runs on that host.
  testPathIgnorePatterns: ["bun", "deno", "node"]
    .filter((name) => name !== host)
    .map((name) => `<rootDir>/test/adapters/${name}(-\\w+)?\\.test\\.ts$`),
  testEnvironment: "node",
  // More than the waits of a test, each of which has its own limit (test/support/wait.ts) and a better message.
  testTimeout: 90_000,
  setupFiles: host === "deno" ? ["<rootDir>/test/support/deno.ts"] : [],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "\\.ts$": "babel-jest" },
  // What package.json resolves to dist/, the tests take from its sources.
  moduleNameMapper: {
    "^#host$": `<rootDir>/adapters/${host}/index.ts`,
    "^#core$": "<rootDir>/wasm/module.ts",
    "^twinwire$": "<rootDir>/api/index.ts",
    "^twinwire/host/(\\w+)$": "<rootDir>/adapters/$1/index.ts",
    "^twinwire/([\\w-]+)$": "<rootDir>/api/$1.ts",
  },
  modulePathIgnorePatterns: [
    "<rootDir>/build/",
    "<rootDir>/dist/",
    "<rootDir>/scripts/runtimes/",
    "<rootDir>/scripts/(consumers|plots|site)/",
  ],
};
