// The reference of the C headers: their doc comments as Markdown. A comment belongs to the declarations below it, up to
// the next blank line; "/* ---- Title ---- */" begins a section; lines that are indented further are code.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../wasm/build/project.mjs";

/** The headers that users include, in the order of the navigation. */
export const headers = [
  "c/include/twinwire/runtime.h",
  "c/include/twinwire/net.h",
  "c/include/twinwire/ws.h",
  "c/include/twinwire/http_server.h",
  "c/include/twinwire/conn.h",
  "c/include/twinwire/http.h",
  "c/include/twinwire/host.h",
  "adapters/posix/include/twinwire/tw_posix.h",
  "esp32/include/twinwire/tw_esp.h",
  "esp32/include/twinwire/tw_esp_event.h",
  "esp32/include/twinwire/tw_esp_tls.h",
  "core-c/include/twinwire/core.h",
  "core-c/include/twinwire/port.h",
  "core-c/include/twinwire/abi.gen.h",
];

export const fileName = (path) => path.slice(path.lastIndexOf("/") + 1);
export const pageName = (path) => `headers/${fileName(path).replaceAll(".", "-")}`;
const byName = new Map(headers.map((path) => [fileName(path), path]));

/** What a header contains: comments, each with the code below it. */
function chunksOf(source) {
  const chunks = [];
  let comment = [];
  let code = [];
  let depth = 0;
  const end = () => {
    if (comment.length > 0 || code.length > 0) chunks.push({ comment: comment.join("\n"), code: code.join("\n") });
    comment = [];
    code = [];
  };
  let inComment = false;
  /* What only C++ sees is no part of the reference. */
  const c = source.replaceAll(/^#ifdef __cplusplus\n[\s\S]*?^(#else|#endif)\n/gm, "");
  for (const line of c.split("\n")) {
    if (inComment || (depth === 0 && line.startsWith("/*"))) {
      if (!inComment && code.length > 0) end();
      comment.push(line);
      inComment = !line.includes("*/");
    } else if (line.trim() === "" && depth === 0) {
      end();
    } else {
      code.push(line);
      depth += (line.match(/{/g)?.length ?? 0) - (line.match(/}/g)?.length ?? 0);
    }
  }
  end();
  return chunks;
}

/** The text of a comment, without its frame. */
const textOf = (comment) =>
  comment
    .replace(/^\/\*+ ?/, "")
    .replace(/\s*\*\/\s*$/, "")
    .split("\n")
    .map((line) => line.replace(/^ \* ?/, ""))
    .join("\n");

/** Removes what is not C: guards, includes, assertions, and what only C++ sees. */
function declarations(code) {
  if (/^#(if|define \w+_H\b)/.test(code)) return "";
  return code.replaceAll(/^(TW_STATIC_ASSERT|#include|#endif|#ifndef|#undef|#define TWINWIRE_\w+_H).*\n?/gm, "").trim();
}

/** The names that code declares. */
function namesOf(code) {
  const type = /^typedef (?:struct|enum) (\w+)/m.exec(code)?.[1];
  if (type !== undefined) return [type];
  const pointer = /^typedef [^;]*\(\*(\w+)\)/m.exec(code)?.[1];
  if (pointer !== undefined) return [pointer];
  const macros = [...code.matchAll(/^#define (\w+)/gm)].map(([, name]) => name);
  if (macros.length > 0) return macros;
  const calls = [...code.matchAll(/^[\w][^;()]*?\b(twc?_\w+)\s*\(/gm)].map(([, name]) => name);
  if (calls.length > 0) return [...new Set(calls)];
  const other = /(\w+)(?:\[\w*\])?;$/m.exec(code)?.[1];
  return other === undefined ? [] : [other];
}

/** What a header says: its head, then sections and items in their order. */
export function parseHeader(path) {
  const [head, ...rest] = chunksOf(readFileSync(join(root, path), "utf8"));
  const parts = [];
  for (const { comment, code } of rest) {
    const text = textOf(comment);
    const section = /^-{4} (.+?) -+\s*/.exec(text);
    if (section) parts.push({ section: section[1], text: text.slice(section[0].length) });
    const given = declarations(code);
    /* Macros that are overloaded by their arguments have their prototypes in the comment. */
    const prototypes = given === "" && /^\w[\w ]* \*?tw_\w+\(/.test(text) ? text : "";
    const names = namesOf(given || prototypes);
    if (section && given === "") continue;
    if (names.length === 0 || (comment === "" && given.startsWith("#"))) continue;
    parts.push({ names, code: given, text: section ? "" : text });
  }
  return { path, head: textOf(head.comment), parts };
}

/** As the generator makes them of headings: see .vitepress/config.mjs. */
const anchor = (names) => names.join("-").toLowerCase();

/** Text as Markdown: identifiers are code, and links where they are described. */
function prose(text, links) {
  const escaped = (part) =>
    part
      .replaceAll(/[*_<>[\]{}]/g, (it) => `\\${it}`)
      .replaceAll("\\{", "&#123;")
      .replaceAll("\\}", "&#125;");
  return text
    .split(
      /(`[^`]+`|(?:twinwire\/)?\b\w[\w.]*\.h\b|\bdocs\/[\w-]+\.md\b|\b(?:tw|twc|TW|Net|Ws|Http)[A-Za-z_0-9]*\b(?:\.{3})?)/,
    )
    .map((part, index) => {
      if (index % 2 === 0) return escaped(part);
      const name = part.replaceAll("`", "");
      const header = byName.get(name.replace("twinwire/", ""));
      if (header !== undefined) return `[\`${name}\`](./${fileName(pageName(header))}.md)`;
      if (part.endsWith(".md"))
        return `[${part.slice("docs/".length, -".md".length)}](../${part.slice("docs/".length)})`;
      if (part[0] !== "`" && !/_|^(Net|Ws|Http)[A-Z]/.test(name)) return part;
      return links.has(name) ? `[\`${name}\`](${links.get(name)})` : `\`${name}\``;
    })
    .join("");
}

/** The text of a comment as Markdown. Indented lines and tables of two columns are code. */
function markdown(text, links) {
  const result = [];
  let lines = [];
  let isCode = false;
  const end = () => {
    if (lines.length > 0 && isCode) {
      const margin = Math.min(...lines.filter((it) => it.trim() !== "").map((it) => /^ */.exec(it)[0].length));
      const code = lines
        .map((it) => it.slice(margin))
        .join("\n")
        .trimEnd();
      result.push(`\`\`\`${/[;{]/.test(code) ? "c" : "text"}\n${code}\n\`\`\``);
    } else if (lines.length > 0) {
      result.push(prose(lines.join(" "), links));
    }
    lines = [];
  };
  for (const line of text.split("\n")) {
    const indented = /^ {2,}\S/.test(line) || /^(u?int32_t|void|bool) tw_\w+\(/.test(line);
    if (line.trim() === "") {
      if (isCode && lines.length > 0) lines.push("");
      else end();
      continue;
    }
    if (indented !== isCode || (!isCode && /^Returns? /.test(line))) end();
    isCode = indented;
    lines.push(line);
  }
  end();
  return result.join("\n\n");
}

/** Where each name is described. */
export function linksOf(parsed) {
  const links = new Map();
  for (const { path, parts } of parsed)
    for (const { names } of parts)
      for (const name of names ?? [])
        if (!links.has(name)) links.set(name, `./${fileName(pageName(path))}.md#${anchor(names)}`);
  return links;
}

/** The page of a header. */
export function headerPage({ path, head, parts }, links) {
  const name = fileName(path);
  const [, summary = head] = /^[\w.]+: ([\s\S]*)/.exec(head) ?? [];
  const include = path.includes("core-c/") ? "" : `\n\`\`\`c\n#include "twinwire/${name}"\n\`\`\`\n`;
  const body = parts.map(({ section, names, code, text }) => {
    if (section !== undefined) return `## ${section}\n\n${markdown(text, links)}`;
    const title = `### ${names.map((it) => `\`${it}\``).join(" ")}`;
    const shown = code === "" ? "" : `\`\`\`c\n${code}\n\`\`\`\n\n`;
    return `${title}\n\n${shown}${markdown(text, links)}`;
  });
  const text =
    name === "abi.gen.h"
      ? "Constants, errors, enumerations and records that C and TypeScript share."
      : markdown(summary[0].toUpperCase() + summary.slice(1), links);
  return `# ${name}\n${include}\n${text}\n\n${body.join("\n\n")}\n`;
}
