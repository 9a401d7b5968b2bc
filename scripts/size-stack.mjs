// The deepest use of the stack: the frame of each function, as the compiler wrote it down (-fcallgraph-info=su), along
// the calls.
//
// A call through a pointer is one of a protocol's functions, `protocol->received(...)`: the source names the member, and
// the tables and assignments (`.received = take_data`, `slot->reader = &reader;`) list its possible values. A call of a parameter
// may be any function of the same file that is mentioned there without being called.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listFiles, root } from "../wasm/build/project.mjs";

const NODE = /^node: \{ title: "([^"]+)" label: "([^"]*)"/;
const EDGE = /^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)" label: "([^"]*)"/;
const FRAME = /(\d+) bytes \((\w[\w,]*)\)/;

const read = (path) => readFileSync(join(root, path), "utf8");

/** Member of a struct -> the functions that some table or assignment puts there, as nodes of the graph. */
function tables(nodes) {
  const members = new Map();
  for (const source of [...listFiles("core-c", ".c"), ...listFiles("c/src", ".c")]) {
    for (const [, member, name] of read(source).matchAll(/(?:(?:^|[{,])\s*\.|->)(\w+) = (\w+)(?=[,;}]|$)/gm)) {
      const node = [`${source}:${name}`, name].find((title) => nodes.get(title)?.known);
      if (node) members.set(member, [...(members.get(member) ?? []), node]);
    }
  }
  return members;
}

/** The functions that may be called through the pointer at "file:line:column". */
function targetsAt(place, nodes, members, outside) {
  const [file, line, column] = place.split(":");
  const source = read(file);
  const text = source.split("\n")[line - 1].slice(column - 1);
  if (outside.some((name) => text.includes(name))) return [];
  /* A call among the arguments of another has the place of that one. */
  const called = [/^[\w>.-]*(?:->|\.)(\w+)\(/, /^\w+\(.*(?:->|\.)(\w+)\(/].map((pattern) => pattern.exec(text)?.[1]);
  const member = called.find((name) => name !== undefined);
  const mentioned = (name) => new RegExp(`\\b${name}\\b(?!\\()`).test(source);
  const targets = member
    ? members.get(member)
    : [...nodes.keys()].filter((title) => title.startsWith(`${file}:`) && mentioned(title.split(":").pop()));
  if (!targets?.length) throw new Error(`${place}: unknown targets of a call through a pointer`);
  return targets;
}

/** The graph of some objects: function -> { frame, calls }. */
function readGraph(graphs, outside) {
  const nodes = new Map();
  const node = (title) => {
    if (!nodes.has(title)) nodes.set(title, { frame: 0, known: false, calls: new Set(), pointers: new Set() });
    return nodes.get(title);
  };
  for (const path of graphs) {
    for (const line of read(path).split("\n")) {
      const [, title, label] = NODE.exec(line) ?? [];
      const [, bytes, kind] = FRAME.exec(label ?? "") ?? [];
      if (bytes) {
        if (kind.startsWith("dynamic") && !kind.includes("bounded"))
          throw new Error(`${title}: its frame has no bound`);
        Object.assign(node(title), { frame: Number(bytes), known: true });
      }
      const [, from, to, place] = EDGE.exec(line) ?? [];
      if (to === "__indirect_call") node(from).pointers.add(place);
      else if (to) node(from).calls.add(to);
    }
  }
  const members = tables(nodes);
  for (const { calls, pointers } of nodes.values()) {
    for (const place of pointers) {
      for (const target of targetsAt(place, nodes, members, outside)) calls.add(target);
    }
  }
  return nodes;
}

/**
 * The deepest of the functions in `roots`: { bytes, path }. Only `linked` functions count; what the host and the
 * compiler's library use comes on top. `guarded` are functions that do nothing while they are running already,
 * `outside` what is called through pointers and is the host's or the application's.
 *
 * @throws Error if functions call each other in a ring that no guarded one breaks: then there is no bound.
 */
export function deepest(graphs, roots, linked, { guarded, outside }) {
  const nodes = readGraph(graphs, outside);
  /* The compiler's variants of a function are named name.isra.0 and the like. */
  const plain = (title) => title.split(":").pop().split(".")[0];
  const names = new Set([...linked].map(plain));
  const isThere = (title) => !nodes.get(title)?.known || names.has(plain(title));
  const results = new Map();
  const visit = (title, above, running) => {
    const key = [title, ...running].join(" ");
    if (above.includes(key))
      throw new Error(`a ring of calls: ${above.slice(above.indexOf(key)).join(" > ")} > ${key}`);
    if (results.has(key)) return results.get(key);
    const name = plain(title);
    const { frame, calls } = nodes.get(title) ?? { frame: 0, calls: [] };
    const isGuarded = guarded.includes(name);
    let below = { bytes: 0, path: [] };
    if (!isGuarded || !running.includes(name)) {
      const inside = isGuarded ? [...running, name].sort() : running;
      for (const call of [...calls].filter(isThere)) {
        const one = visit(call, [...above, key], inside);
        if (one.bytes > below.bytes) below = one;
      }
    }
    const result = { bytes: frame + below.bytes, path: [`${name} ${frame}`, ...below.path] };
    results.set(key, result);
    return result;
  };
  return roots.map((name) => visit(name, [], [])).reduce((best, one) => (one.bytes > best.bytes ? one : best));
}
