import assert from "node:assert";

const step = (bytes) => ["base64", bytes.toString("hex"), bytes.toString("base64")];

/** An encoding that a document gives; Node must agree. */
function quoted(bytes, text) {
  assert.equal(Buffer.from(bytes).toString("base64"), text);
  return ["base64", Buffer.from(bytes).toString("hex"), text];
}

/** Bytes that encode to every digit of the alphabet, in its order. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function base64() {
  return {
    suite: "base64",
    source: "RFC 4648 10, RFC 6455 1.3; other texts by Node's Buffer",
    cases: [
      {
        name: "RFC 4648 10",
        steps: [
          quoted("", ""),
          quoted("f", "Zg=="),
          quoted("fo", "Zm8="),
          quoted("foo", "Zm9v"),
          quoted("foob", "Zm9vYg=="),
          quoted("fooba", "Zm9vYmE="),
          quoted("foobar", "Zm9vYmFy"),
        ],
      },
      {
        name: "RFC 6455 1.3: the sample nonce and its answer",
        steps: [
          quoted("the sample nonce", "dGhlIHNhbXBsZSBub25jZQ=="),
          quoted(Buffer.from("b37a4f2cc0624f1690f64606cf385945b2bec4ea", "hex"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ],
      },
      { name: "every digit", steps: [quoted(Buffer.from(alphabet, "base64"), alphabet)] },
      {
        name: "every byte, and the ends of the range in every place",
        steps: [
          step(Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
          ...["00", "ff", "0000", "ffff", "00ff", "ff00", "000000", "ffffff", "fbefbe", "ffefbf"].map((hex) =>
            step(Buffer.from(hex, "hex")),
          ),
        ],
      },
    ],
  };
}
