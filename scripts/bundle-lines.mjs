// Lines of minified code, and its source map: what a stack trace needs, and no more.

import { decode, encode } from "@jridgewell/sourcemap-codec";
import { parseAst } from "rolldown/parseAst";

/** Offsets at which lines begin, sorted: those that do, and those of statements and of members of classes. */
function lineStarts(code) {
  const starts = new Set([...code.matchAll(/\n/g)].map(({ index }) => index + 1));
  const visit = (node) => {
    if (typeof node !== "object" || node === null) return;
    if (["Program", "ClassBody", "BlockStatement"].includes(node.type))
      for (const { start } of node.body) starts.add(start);
    for (const child of Object.values(node)) visit(child);
  };
  visit(parseAst(code));
  starts.delete(0);
  return [...starts].sort((one, other) => one - other);
}

/** The segments of a map with their offsets in the code: [offset, source, line]. */
function segmentsOf(map, code) {
  const segments = [];
  let at = 0;
  for (const line of decode(map.mappings)) {
    for (const [column, source, sourceLine] of line) segments.push([at + column, source, sourceLine]);
    at = code.indexOf("\n", at) + 1;
  }
  return segments;
}

/** Of the segments of a line of a source, the first, if something in it can be in a stack trace. */
function shown(segments, code) {
  const changes = segments.filter(
    ([, source, line], index) => source !== segments[index - 1]?.[1] || line !== segments[index - 1]?.[2],
  );
  return changes.filter(([offset], index) => /[(]|\bthrow\b/.test(code.slice(offset, changes[index + 1]?.[0])));
}

/**
 * Gives minified code a line for each statement, so that a stack trace and a debugger name places in it. `map` is its source
 * map, which shrinks to one position for each line of the sources that can be in a stack trace, without the sources.
 *
 * @returns the code, and the text of the map.
 */
export function inLines(code, map) {
  const segments = shown(segmentsOf(map, code), code);
  const lines = [];
  const mappings = [];
  let next = 0;
  const addLine = (start, end) => {
    const text = code.slice(start, end);
    lines.push(text.endsWith("\n") ? text : `${text}\n`);
    const line = [];
    for (; next < segments.length && segments[next][0] < end; next++) {
      const [offset, source, sourceLine] = segments[next];
      line.push([offset - start, source, sourceLine, 0]);
    }
    mappings.push(line);
  };
  let start = 0;
  for (const at of lineStarts(code)) {
    addLine(start, at);
    start = at;
  }
  if (start < code.length) addLine(start, code.length);
  const { version, file, sources } = map;
  return {
    code: lines.join(""),
    map: JSON.stringify({ version, file, names: [], sources, mappings: encode(mappings) }),
  };
}
