import assert from "node:assert";

const bytesOf = (hex) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Whether a strict decoder that expects more refuses these bytes. */
function refuses(bytes, stream) {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream });
    return false;
  } catch {
    return true;
  }
}

/** Index of the first byte that proves the text bad, -1 for good, -2 for good so far but cut short. */
function judge(bytes) {
  for (let size = 1; size <= bytes.length; size++) if (refuses(bytes.subarray(0, size), true)) return size - 1;
  return refuses(bytes, false) ? -2 : -1;
}

/** A text, given as hex, and what RFC 3629 says of it; Node's TextDecoder must agree. */
function step(hex, wanted) {
  const bytes = bytesOf(hex);
  assert.equal(judge(bytes), wanted, hex);
  return ["utf8", bytes.toString("hex"), wanted];
}

const text = (characters) => step(Buffer.from(characters).toString("hex"), -1);
const good = (...list) => list.map((hex) => step(hex, -1));
const cut = (...list) => list.map((hex) => step(hex, -2));
const bad = (index, ...list) => list.map((hex) => step(hex, index));

/** Every length of a text around the widths at which a scanner may step, of one character. */
const lengths = (hex) => [7, 8, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65].map((count) => step(hex.repeat(count), -1));

const hex2 = (byte) => byte.toString(16).padStart(2, "0");
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => hex2(from + i));

export function utf8() {
  return {
    suite: "utf8",
    source: "RFC 3629 3, 4 and 7; Node's TextDecoder agrees",
    cases: [
      { name: "nothing", steps: good("") },
      {
        name: "RFC 3629 7: examples",
        steps: good("41e289a2ce912e", "ed959ceab5adec96b4", "e697a5e69cace8aa9e", "efbbbff0a38eb4"),
      },
      {
        name: "first and last of each length",
        steps: good("00", "7f", "c280", "dfbf", "e0a080", "efbfbf", "f0908080", "f48fbfbf"),
      },
      {
        name: "around the surrogates, and the ends of every kind of lead byte",
        steps: good(
          "ed9fbf",
          "ee8080",
          "ed8080",
          "ecbfbf",
          "e0bfbf",
          "e18080",
          "efbfbd",
          "f0bfbfbf",
          "f1808080",
          "f3bfbfbf",
          "f4808080",
          "f09f9880",
          "efb790",
          "efbfbe",
          "f09fbfbf",
          "cc80",
        ),
      },
      { name: "each lead byte of two", steps: range(0xc2, 0xdf).flatMap((lead) => good(`${lead}80`, `${lead}bf`)) },
      {
        name: "each lead byte of three and four",
        steps: [...range(0xe1, 0xec), "ee", "ef"]
          .flatMap((lead) => good(`${lead}8080`, `${lead}bfbf`))
          .concat(range(0xf1, 0xf3).flatMap((lead) => good(`${lead}808080`, `${lead}bfbfbf`))),
      },
      {
        name: "bytes that begin nothing",
        steps: [...range(0x80, 0xc1), ...range(0xf5, 0xff)].flatMap((lead) => bad(0, lead)),
      },
      { name: "the same after a letter", steps: bad(1, "6180", "61bf", "61c0", "61c1", "61f5", "61ff") },
      {
        name: "overlong forms",
        steps: [
          ...bad(0, "c080", "c1bf", "c0af"),
          ...bad(1, "e08080", "e080af", "e09fbf", "f0808080", "f08080af", "f08fbfbf"),
        ],
      },
      { name: "surrogates", steps: bad(1, "eda080", "edbfbf", "edafbf", "edb080", "eda080edb080") },
      {
        name: "above U+10FFFF",
        steps: [...bad(1, "f4908080", "f4bfbfbf"), ...bad(0, "f5808080", "f888808080", "fc8480808080")],
      },
      {
        name: "a sequence that breaks off",
        steps: [
          ...bad(
            1,
            "c241",
            "c2c2",
            "c27f",
            "c2c0",
            "df00",
            "e141",
            "e1c2",
            "e1e1",
            "ed41",
            "e0ff",
            "f141",
            "f4ff",
            "f041",
          ),
          ...bad(2, "e0a041", "e18041", "e180c2", "ed9fc0", "efbf7f", "f09041", "f180ff", "f48f41"),
          ...bad(3, "f0908041", "f18080c0", "f48fbf7f", "f3bfbfe1"),
        ],
      },
      {
        name: "a continuation too many",
        steps: [...bad(2, "c28080"), ...bad(3, "e0a08080", "ed9fbfbf"), ...bad(4, "f48fbfbf80")],
      },
      {
        name: "cut short",
        steps: cut(
          "c2",
          "df",
          "e0",
          "e1",
          "ed",
          "ef",
          "f0",
          "f1",
          "f4",
          "e0a0",
          "e180",
          "ed9f",
          "efbf",
          "f090",
          "f180",
          "f48f",
          "f09080",
          "f18080",
          "f48fbf",
          "61c3",
          "c3a9c3",
          "e697a5e69c",
          "f09f9880f09f98",
        ),
      },
      {
        name: "texts",
        steps: [
          text("Съешь ещё этих мягких французских булок, да выпей чаю."),
          text("いろはにほへと ちりぬるを わかよたれそ つねならむ"),
          text("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich"),
          text("😀 😃 😄 and 👩‍👩‍👧‍👦, in ASCII again and long enough for a whole block of 64 bytes; then é"),
          text("a".repeat(130)),
        ],
      },
      { name: "lengths", steps: [...lengths("61"), ...lengths("d0b6"), ...lengths("e38182"), ...lengths("f09f9880")] },
      {
        name: "late errors",
        steps: [15, 16, 17, 31, 63, 64, 65, 100].flatMap((size) => [
          ...bad(size, `${"61".repeat(size)}ff`, `${"61".repeat(size)}80${"61".repeat(20)}`),
          ...bad(2 * size + 1, `${"d0b6".repeat(size)}eda080`, `${"d0b6".repeat(size)}c261${"61".repeat(40)}`),
        ]),
      },
      { name: "an error before good text", steps: bad(0, `80${"61".repeat(70)}`, `ff${"e38182".repeat(30)}`) },
    ],
  };
}
