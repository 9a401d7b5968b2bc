// Makes the mutants of a source in C or TypeScript: copies of it with one small mistake each.
//
//   boundary   <  becomes <=,  > becomes >=, and the other way round
//   negate     == becomes !=,  < becomes >=, a condition loses its !
//   logic      && becomes ||
//   arithmetic + becomes -,  ++ becomes --
//   constant   a number becomes the next one, true becomes false
//   remove     an assignment of a flag, or a step of a counter, is left out

/** The code with comments, strings, characters and preprocessor lines made blank, so that offsets stay. */
export function blank(source) {
  const hide = (text) => text.replace(/[^\n]/g, " ");
  return source
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g, hide)
    .replace(/^[ \t]*#[ \t]*(?:include|define|undef|if|el|endif|error|pragma)(?:[^\n]*\\\n)*[^\n]*/gm, hide);
}

const swap = {
  "<": [
    ["boundary", "<="],
    ["negate", ">="],
  ],
  "<=": [
    ["boundary", "<"],
    ["negate", ">"],
  ],
  ">": [
    ["boundary", ">="],
    ["negate", "<="],
  ],
  ">=": [
    ["boundary", ">"],
    ["negate", "<"],
  ],
  "==": [["negate", "!="]],
  "!=": [["negate", "=="]],
  "===": [["negate", "!=="]],
  "!==": [["negate", "==="]],
  "&&": [["logic", "||"]],
  "||": [["logic", "&&"]],
  "+": [["arithmetic", "-"]],
  "-": [["arithmetic", "+"]],
  "+=": [["arithmetic", "-="]],
  "-=": [["arithmetic", "+="]],
  "++": [["arithmetic", "--"]],
  "--": [["arithmetic", "++"]],
};

/** Where an initializer of a table stands: its numbers are data, of which vectors see each. */
function tables(code) {
  const found = [];
  for (const { index, 0: head } of code.matchAll(/\]\s*=\s*\{/g)) {
    let depth = 1;
    let at = index + head.length;
    for (; depth > 0 && at < code.length; at++) depth += code[at] === "{" ? 1 : code[at] === "}" ? -1 : 0;
    found.push([index, at]);
  }
  return found;
}

function nextNumber(text) {
  const [, digits, suffix] = /^(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)$/.exec(text) ?? [];
  return digits === undefined ? undefined : `${Number(digits) + 1}${suffix}`;
}

/** Returns { at, before, after, kind } for each mutant: `before` at the offset `at` becomes `after`. */
export function mutations(source) {
  const code = blank(source);
  const inTable = tables(code);
  const found = [];
  const add = (at, before, after, kind) => found.push({ at, before, after, kind });

  /* Operators of two operands stand between spaces: clang-format sees to it. */
  for (const { index, 1: operator } of code.matchAll(/(?<= )(<=?|>=?|===?|!==?|&&|\|\||[+-]=?)(?=[ \n])/g)) {
    for (const [kind, other] of swap[operator]) add(index, operator, other, kind);
  }
  for (const { index, 0: operator } of code.matchAll(/\+\+|--/g))
    add(index, operator, swap[operator][0][1], "arithmetic");
  for (const { index } of code.matchAll(/!(?=[\w(])/g)) add(index, "!", "", "negate");
  for (const { index, 0: word } of code.matchAll(/\b(?:true|false)\b/g))
    add(index, word, word === "true" ? "false" : "true", "constant");
  for (const { index, 0: number } of code.matchAll(/(?<![\w.[])(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*(?![\w.])/g)) {
    const next = nextNumber(number);
    if (next !== undefined && !inTable.some(([from, to]) => index >= from && index < to))
      add(index, number, next, "constant");
  }
  const flag =
    /^[ \t]+([#\w.>[\]-]+ (?:=|\|=|&=) ~?(?:true|false|NULL|undefined|0|[A-Z][A-Z_0-9]*)|[#\w.>[\]-]+(?:\+\+|--));/gm;
  for (const match of code.matchAll(flag)) add(match.index + match[0].indexOf(match[1]), match[1], "", "remove");
  return found.sort((one, other) => one.at - other.at || one.after.localeCompare(other.after));
}

/** The source with a mutation. */
export function apply(source, { at, before, after }) {
  return source.slice(0, at) + after + source.slice(at + before.length);
}
