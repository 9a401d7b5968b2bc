// What "make mutants" runs suites with: the first test that fails is printed at once, and a source may be a mutant.
import { fileURLToPath } from "node:url";
import config from "../../jest.config.js";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

export default {
  ...config,
  rootDir: path("../.."),
  transform: { "\\.ts$": path("transform.mjs") },
  reporters: [path("reporter.mjs")],
  // A mutant that loses an event makes a test wait: not for as long as by default.
  testTimeout: 15_000,
};
