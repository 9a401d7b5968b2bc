import assert from "node:assert";
import { readFileSync } from "node:fs";

/** FNV-1a, 32 bits, of the text's UTF-8; http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text) {
  let hash = 0x811c9dc5n;
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  return Number(hash);
}

/** In 31 bits, and never 0. */
const signed = (hash) => hash % 0x80000000 || 1;

/** A hash that the reference code's test vectors give. */
function quoted(text, hash) {
  assert.equal(fnv1a(text), hash);
  return ["signature", text, signed(hash)];
}

function declarations() {
  const definition = readFileSync(new URL("../../../core-c/abi.def", import.meta.url), "utf8");
  const events = [...definition.matchAll(/^event\s+(\w+)\s.*"(.*)"$/gm)].map(([, name, text]) => [name, text]);
  assert.ok(events.length >= 7);
  return events;
}

export function signature() {
  return {
    suite: "signature",
    source: "FNV-1a, draft-eastlake-fnv and the reference code's test vectors, less the top bit; abi.def",
    cases: [
      {
        name: "the reference code's vectors",
        steps: [
          quoted("", 0x811c9dc5),
          quoted("a", 0xe40c292c),
          quoted("b", 0xe70c2de5),
          quoted("foobar", 0xbf9cf968),
          quoted("chongo was here!\n", 0xd49930d5),
        ],
      },
      { name: "a hash of which only the top bit is set becomes 1", steps: [quoted("qqk42v", 0x80000000)] },
      { name: "bytes above 127", steps: [["signature", "Größe", signed(fnv1a("Größe"))]] },
      {
        name: "the declared events",
        steps: declarations().map(([name, text]) => ["event-signature", name, text, signed(fnv1a(text))]),
      },
    ],
  };
}
