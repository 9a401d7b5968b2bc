import assert from "node:assert";
import { createHash } from "node:crypto";

const digest = (bytes) => createHash("sha1").update(bytes).digest("hex");
const step = (bytes) => ["sha1", bytes.toString("hex"), digest(bytes)];

/** A digest that a document gives; Node must agree. */
function quoted(text, hex) {
  const wanted = hex.replaceAll(" ", "").toLowerCase();
  assert.equal(digest(Buffer.from(text)), wanted);
  return ["sha1", Buffer.from(text).toString("hex"), wanted];
}

function repeated(text, count, hex) {
  const wanted = hex.replaceAll(" ", "").toLowerCase();
  assert.equal(digest(Buffer.from(text.repeat(count))), wanted);
  return ["sha1-repeat", Buffer.from(text).toString("hex"), count, wanted];
}

/** Bytes of which no two blocks are alike. */
const pattern = (size) => Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + (i >> 6)) & 255));

const around = (size) => [size - 9, size - 8, size - 2, size - 1, size, size + 1];

export function sha1() {
  return {
    suite: "sha1",
    source: "RFC 3174 7.3, FIPS 180-4 and NIST's examples, RFC 6455 1.3; other digests by Node's crypto",
    cases: [
      {
        name: "RFC 3174 7.3",
        steps: [
          quoted("abc", "A9 99 3E 36 47 06 81 6A BA 3E 25 71 78 50 C2 6C 9C D0 D8 9D"),
          quoted(
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84 98 3E 44 1C 3B D2 6E BA AE 4A A1 F9 51 29 E5 E5 46 70 F1",
          ),
          repeated("a", 1000000, "34 AA 97 3C D4 C4 DA A4 F6 1E EB 2B DB AD 27 31 65 34 01 6F"),
          repeated(
            "0123456701234567012345670123456701234567012345670123456701234567",
            10,
            "DE A3 56 A2 CD DD 90 C7 A7 EC ED C5 EB B5 63 93 4F 46 04 52",
          ),
        ],
      },
      {
        name: "NIST: no bytes, and 896 bits",
        steps: [
          quoted("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
          quoted(
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "a49b2446a02c645bf419f995b67091253a04a259",
          ),
        ],
      },
      {
        name: "RFC 6455 1.3: the sample nonce",
        steps: [
          quoted(
            "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
            "b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea",
          ),
        ],
      },
      {
        name: "lengths around the ends of blocks",
        steps: [...around(64), ...around(128), ...around(192), 3, 31, 100].map((size) => step(pattern(size))),
      },
      {
        name: "bytes with the high bit",
        steps: [step(Buffer.alloc(55, 0xff)), step(Buffer.alloc(56, 0x80)), step(Buffer.alloc(64, 0))],
      },
      {
        name: "a length in bits that needs more than 16 and 24 bits",
        steps: [
          ["sha1-repeat", "00ff", 5000, digest(Buffer.alloc(10000, "00ff", "hex"))],
          ["sha1-repeat", pattern(61).toString("hex"), 40000, digest(Buffer.alloc(61 * 40000, pattern(61)))],
        ],
      },
    ],
  };
}
