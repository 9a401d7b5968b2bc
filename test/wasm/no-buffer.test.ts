import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { startChild } from "../support/child.ts";
import { endPeers } from "../support/peers.ts";
import { within } from "../support/wait.ts";

afterEach(endPeers);

const lib = join(dirname(fileURLToPath(import.meta.url)), "../../build/lib");

test("text, bytes and the module are the same in a runtime that has no Buffer", async () => {
  const program = `
    delete globalThis.Buffer;
    const t = await import(${JSON.stringify(join(lib, "wasm/text.js"))});
    const { coreModule } = await import(${JSON.stringify(join(lib, "wasm/module.js"))});
    const check = (what, good) => { if (!good) throw new Error(what); };
    const encoder = new TextEncoder();
    for (const text of ["", "a", "x".repeat(500), "é€😀", "x".repeat(19) + "é", "\\ufeffmark"]) {
      const want = encoder.encode(text);
      check("size " + text, t.utf8Size(text) === want.length);
      const bytes = new Uint8Array(want.length + 9);
      check("room " + text, want.length === 0 || t.writeUtf8(bytes, 4, want.length - 1, text) === -1);
      check("write " + text, t.writeUtf8(bytes, 4, want.length, text) === want.length);
      check("read " + text, t.utf8Text(bytes, 4, 4 + want.length) === text);
      check("copy " + text, String(t.copyBytes(bytes, 4, 4 + want.length)) === String(want));
    }
    check("ascii", t.asciiText(encoder.encode("..abc.."), 2, 5) === "abc");
    check("view", t.bytesOver(new ArrayBuffer(9), 2, 3).length === 3);
    check("module", coreModule() instanceof WebAssembly.Module);
    console.log(typeof Buffer);
  `;
  const child = startChild(process.execPath, ["--input-type=module", "-e", program]);
  expect(await within(child.ended, "the end")).toBe(0);
  expect(child.lines.all).toEqual(["undefined"]);
});
