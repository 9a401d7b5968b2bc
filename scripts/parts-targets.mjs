// The parts of "make test" that need other processors: parts.mjs takes them in.

import { runVectors } from "./vectors.mjs";

export const targetParts = [{ name: "vectors on every target", group: "targets", run: () => runVectors() }];
