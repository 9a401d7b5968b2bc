const hex = (bytes) => Buffer.from(bytes).toString("hex");

/** RFC 6455 5.3: transformed-octet-i = original-octet-i XOR masking-key-octet-(i MOD 4). */
function step(key, phase, bytes) {
  return ["mask", hex(key), phase, hex(bytes), hex(bytes.map((byte, i) => byte ^ key[(phase + i) % 4]))];
}

const key = [0x12, 0x34, 0x56, 0x78];
const count = (size) => Array.from({ length: size }, (_, i) => (i * 11) & 255);

export function mask() {
  return {
    suite: "mask",
    source: "RFC 6455 5.3 and 5.7",
    cases: [
      { name: "RFC 6455 5.7: Hello", steps: [["mask", "37fa213d", 0, "48656c6c6f", "7f9f4d5158"]] },
      {
        name: "lengths",
        steps: [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 63, 64, 65, 125, 126, 127, 128, 200].map((size) =>
          step(key, 0, count(size)),
        ),
      },
      {
        name: "phases",
        steps: [1, 2, 3, 4, 5, 6, 7].flatMap((phase) => [3, 8, 21, 79].map((size) => step(key, phase, count(size)))),
      },
      {
        name: "keys",
        steps: [
          step([0, 0, 0, 0], 1, count(20)),
          step([255, 255, 255, 255], 2, count(20)),
          step([0, 0, 0, 128], 3, count(90)),
        ],
      },
    ],
  };
}
