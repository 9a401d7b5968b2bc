// Gives jest a mutant in the place of its source: TWINWIRE_MUTANT is the file with the text, TWINWIRE_MUTATED the path of
// the source.
import { readFileSync } from "node:fs";
import babel from "babel-jest";

const { TWINWIRE_MUTANT: mutant, TWINWIRE_MUTATED: mutated } = process.env;
const transformer = babel.createTransformer();
const textOf = (text, path) => (path === mutated ? readFileSync(mutant, "utf8") : text);

export default {
  ...transformer,
  process: (text, path, options) => transformer.process(textOf(text, path), path, options),
  processAsync: (text, path, options) => transformer.processAsync(textOf(text, path), path, options),
  getCacheKey: (text, path, options) => transformer.getCacheKey(textOf(text, path), path, options),
  getCacheKeyAsync: (text, path, options) => transformer.getCacheKeyAsync(textOf(text, path), path, options),
};
