/** The programs in docs/c.md, docs/c-calls.md and the page on esp_websocket_client are compiled, run, and print what the page says. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { startPeers } from "../docs/peers.ts";
import { describeWith, startChild } from "../support/child.ts";
import { atEnd, endPeers } from "../support/peers.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools, root, runToEnd } from "./build.ts";

/** The programs in C of a page, the line of each, and what is shown as printed: the next block of text. */
function programsOf(page: string): { code: string; prints: string; line: number }[] {
  return [...page.matchAll(/^```c\n([\s\S]*?)^```\n[\s\S]*?^```text\n([\s\S]*?)^```\n/gm)].map(
    ({ 1: code = "", 2: prints = "", index }) => ({ code, prints, line: page.slice(0, index).split("\n").length }),
  );
}

const flags =
  "-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fsanitize=address,undefined";

describeWith(buildTools(), "the pages about C", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await buildSanitized();
    mkdirSync(`${folder}/docs`, { recursive: true });
  }, BUILD_PATIENCE);
  afterEach(endPeers);

  const pages = ["c", "c-calls", "migrate-esp-websocket-client"].map((name) => ({
    name,
    text: readFileSync(`${root}docs/${name}.md`, "utf8"),
  }));

  test.each(pages)("$name.md: every block of C is one of the programs below", ({ text }) => {
    expect(programsOf(text).length).toBeGreaterThan(0);
    expect(text.match(/^```c\n/gm)).toHaveLength(programsOf(text).length);
  });

  const programs = pages.flatMap(({ name, text }) => programsOf(text).map((it) => ({ ...it, name })));

  describe.each(programs)("the program in $name.md, line $line", ({ code, prints, line, name }) => {
    test("compiles without a warning and prints what is shown", async () => {
      const peers = await startPeers();
      atEnd(() => peers.close());
      /* stdout is no terminal here, so lines are asked for; ports are those of the peers. */
      const ready = code
        .replace("int main(void) {\n", "int main(void) {\n  setvbuf(stdout, NULL, _IOLBF, 0);\n")
        .replaceAll(/\b(8080|7000|7001|5000)\b/g, (port) => `${peers.ports[port]}`);
      const file = `${folder}/docs/${name}-${line}`;
      writeFileSync(`${file}.c`, ready);
      const paths = ["core-c/include", "c/include", "adapters/posix/include", "examples/c"].map(
        (it) => `-I${root}${it}`,
      );
      const libraries = ["-lssl", "-lcrypto", "-lz", "-pthread"];
      await runToEnd("cc", [
        ...flags.split(" "),
        ...paths,
        `${file}.c`,
        `${folder}/libtwinwire.a`,
        ...libraries,
        "-o",
        file,
      ]);
      const { lines } = startChild(file, []);
      for (const expected of prints.trimEnd().split("\n")) expect(await lines.next()).toBe(expected);
    });
  });
});
