// The parts of "make test" that need other processors: parts.mjs takes them in.

import { lwipMissing } from "../test/esp32/lwip.mjs";
import { runSize } from "./size.mjs";
import { missingFor } from "./targets.mjs";
import { runVectors } from "./vectors.mjs";

export const targetParts = [
  { name: "vectors on every target", group: "targets", alone: true, again: true, run: () => runVectors() },
  {
    name: "size on devices",
    group: "targets",
    lane: "devices", // it builds lwIP, too
    seconds: 40,
    missing: missingFor("rv32imc", "xtensa") ?? lwipMissing(),
    run: () => runSize(),
  },
];
