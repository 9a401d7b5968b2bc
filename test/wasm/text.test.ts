import { describe, expect, test } from "@jest/globals";
import { Joiner, StreamText } from "../../wasm/parts.ts";
import { asciiText, copyBytes, utf8Size, utf8Text, validUtf8Text, writeUtf8 } from "../../wasm/text.ts";

const samples = [
  "",
  "a",
  "x".repeat(19),
  "x".repeat(20),
  "x".repeat(21),
  "x".repeat(1000),
  "é",
  `${"x".repeat(10)}€`,
  `${"x".repeat(40)}€`,
  "😀".repeat(300),
  "\ufeffmark",
  "\0\u007f\u0080\u07ff\u0800\uffff",
];

describe("reading long text that is UTF-8", () => {
  test("is the same as decoding it otherwise, wherever it lies", () => {
    for (const unit of ["é", "€", "😀", "a😀€é", "\ufeff", `${"x".repeat(63)}ß`, "\0\u07ff\u0800\uffff"]) {
      for (const count of [1, 100, 340, 342, 511, 513, 1023, 1025, 40_000]) {
        const text = unit.repeat(count);
        const bytes = Buffer.concat([Buffer.from("€"), Buffer.from(text), Buffer.from("€")]);
        const got = validUtf8Text(bytes, 3, bytes.length - 3);
        /* Not toBe, which would print it. */
        expect([unit, count, got === text]).toEqual([unit, count, true]);
      }
    }
  });

  test("what is not UTF-8 after all is decoded as ever", () => {
    const bytes = Buffer.concat([Buffer.alloc(2000, "é"), Buffer.from([0xff, 0x61])]);
    expect(validUtf8Text(bytes, 0, bytes.length)).toBe(utf8Text(bytes, 0, bytes.length));
  });
});

describe("writing", () => {
  test.each(samples)("%j is written as UTF-8 at its place, and touches nothing else", (text) => {
    const want = Buffer.from(text);
    const bytes = Buffer.alloc(want.length + 20, 0xaa);
    expect(utf8Size(text)).toBe(want.length);
    expect(writeUtf8(bytes, 7, bytes.length - 7, text)).toBe(want.length);
    expect(bytes.subarray(7, 7 + want.length)).toEqual(want);
    expect(bytes.subarray(0, 7)).toEqual(Buffer.alloc(7, 0xaa));
    expect(bytes.subarray(7 + want.length)).toEqual(Buffer.alloc(13, 0xaa));
  });

  test.each(samples)("%j fits in exactly its size and in no less", (text) => {
    const size = Buffer.byteLength(text);
    expect(writeUtf8(Buffer.alloc(size), 0, size, text)).toBe(size);
    if (size > 0) expect(writeUtf8(Buffer.alloc(size), 0, size - 1, text)).toBe(-1);
  });

  test("a lone surrogate becomes U+FFFD", () => {
    for (const text of ["\ud800", `${"x".repeat(60)}\udc00y`]) {
      const bytes = Buffer.alloc(200);
      const size = writeUtf8(bytes, 0, 200, text);
      expect(utf8Text(bytes, 0, size)).toBe(text.replace(/[\ud800-\udfff]/, "\ufffd"));
    }
  });
});

test("ranges are read and copied as they are", () => {
  const bytes = Buffer.from("..grüße..abc..");
  expect(utf8Text(bytes, 2, 9)).toBe("grüße");
  expect(asciiText(bytes, 11, 14)).toBe("abc");
  const copy = copyBytes(bytes, 11, 14);
  bytes.fill(0);
  expect(String(copy)).toBe("abc");
});

describe("a stream of text", () => {
  const texts = ["plain", "aé€😀z", "\ufeffé", "😀😀", "ä".repeat(10)];

  test("any split gives the same text, each character with its last byte", () => {
    for (const text of texts) {
      const bytes = Buffer.from(text);
      for (let first = 0; first <= bytes.length; first++) {
        for (let second = first; second <= bytes.length; second++) {
          const stream = new StreamText();
          const cuts = [0, first, second, bytes.length];
          const parts = cuts.slice(1).map((end, index) => stream.decode(bytes, cuts[index] ?? 0, end));
          expect(parts.join("")).toBe(text);
          expect(stream.clean).toBe(true);
          expect(stream.end()).toBe("");
        }
      }
    }
  });

  test("what is no UTF-8 gives what TextDecoder gives, at any split", () => {
    const wrong = [
      "80",
      "c0af",
      "c2",
      "e282",
      "e28241",
      "eda080",
      "f0808080",
      "f09f98",
      "f5808080",
      "41ff42",
      "e2e282ac",
    ];
    for (const hex of wrong) {
      const bytes = Buffer.from(hex, "hex");
      const want = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const stream = new StreamText();
        const got = stream.decode(bytes, 0, cut) + stream.decode(bytes, cut, bytes.length) + stream.end();
        expect([hex, cut, got]).toEqual([hex, cut, want]);
        expect(stream.clean).toBe(true);
      }
    }
  });

  test("it does not wait for a character that can't come", () => {
    const stream = new StreamText();
    for (const hex of ["e080", "eda0", "f080", "f490", "c1", "f8"]) {
      const bytes = Buffer.from(hex, "hex");
      expect(stream.decode(bytes, 0, bytes.length)).toContain("\ufffd");
      expect([hex, stream.clean]).toEqual([hex, true]);
    }
  });
});

describe("joining", () => {
  test("parts become one message, of its own memory", () => {
    for (const sizes of [[1], [0, 0], [1000, 1, 24], [1024, 1], [5000, 5000, 5000], [70_000, 1]]) {
      const joiner = new Joiner();
      const parts = sizes.map((size, index) => Buffer.alloc(size, 65 + index));
      for (const part of parts) joiner.add(part, true);
      const want = Buffer.concat(parts);
      for (const part of parts) part.fill(0);
      const bytes = joiner.take();
      expect(Buffer.compare(bytes, want)).toBe(0);
      /* Small ones lie in the runtime's own pool. */
      expect(bytes.length < Buffer.poolSize || bytes.buffer.byteLength <= bytes.length * 1.26).toBe(true);
    }
  });

  test("memory that a message has grown out of is given back at once, where the runtime can", () => {
    const made: ArrayBufferLike[] = [];
    const slow = Buffer.allocUnsafeSlow;
    Buffer.allocUnsafeSlow = (size) => {
      const bytes = slow(size);
      made.push(bytes.buffer);
      return bytes;
    };
    try {
      const joiner = new Joiner();
      for (let part = 0; part < 17; part++) joiner.add(Buffer.alloc(61_680, "x"), true);
      expect(joiner.take()).toHaveLength(17 * 61_680);
    } finally {
      Buffer.allocUnsafeSlow = slow;
    }
    const sizes = made.map(({ byteLength }) => byteLength);
    expect(made).toHaveLength(3);
    expect(sizes.at(-1)).toBe(1_048_576);
    if ("transfer" in ArrayBuffer.prototype) expect(sizes).toEqual([0, 0, 1_048_576]);
  });

  test("it is ASCII if all of it is", () => {
    const joiner = new Joiner();
    joiner.add(Buffer.from("a"), true);
    expect(joiner.ascii).toBe(true);
    joiner.add(Buffer.from("ä"), false);
    joiner.add(Buffer.from("a"), true);
    expect(joiner.ascii).toBe(false);
  });
});
