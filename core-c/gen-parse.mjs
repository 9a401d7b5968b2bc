// Parses abi.def into plain objects and refuses what is malformed with "file:line: what is wrong".

export class DefinitionError extends Error {
  name = "DefinitionError";
}

export const FIELD_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8, i8: 1, i16: 2, i32: 4 };
const VALUE_TYPES = ["u32", "i32", "ptr"];
const LIMIT_KEYS = ["host", "esp32", "min", "max"];
const CONSTANT = /^[A-Z][A-Z0-9_]*$/;
const PASCAL = /^[A-Z][A-Za-z0-9]*$/;
const LOWER = /^[a-z][a-z0-9_]*$/;
const CAMEL = /^[a-z][A-Za-z0-9]*$/;

/** FNV-1a, 32 bits, unsigned, of the UTF-8 bytes of a text. */
export function fnv1a(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The value of twc_signature: FNV-1a in its low 31 bits, and 1 where those are 0. */
export function signatureHash(text) {
  return fnv1a(text) & 0x7fffffff || 1;
}

/** Splits a line into words and "quoted texts"; a # outside quotes starts a comment. Null: an unfinished quote. */
function tokens(line) {
  const found = [];
  let rest = line;
  for (;;) {
    rest = rest.trimStart();
    if (rest === "" || rest.startsWith("#")) return found;
    const match = rest.startsWith('"') ? /^"[^"]*"/.exec(rest) : /^[^\s"#]+/.exec(rest);
    if (!match) return null;
    found.push(match[0]);
    rest = rest.slice(match[0].length);
  }
}

export function parseAbi(source, file = "abi.def") {
  const abi = {
    hash: 0,
    consts: [],
    errors: [],
    enums: [],
    records: [],
    limits: [],
    events: [],
    imports: [],
    exports: [],
  };
  const seen = new Set();
  const canonical = [];
  let block = null;
  let lineNumber = 0;

  function fail(message, at = lineNumber) {
    throw new DefinitionError(`${file}:${at}: ${message}`);
  }
  function unique(scope, name) {
    if (seen.has(`${scope} ${name}`)) fail(`${scope} ${name} is defined twice`);
    seen.add(`${scope} ${name}`);
  }
  function named(pattern, text, what) {
    if (text === undefined || !pattern.test(text)) fail(`${text ?? "nothing"} is not ${what}`);
    return text;
  }
  function number(text, low = -0x80000000, high = 0xffffffff) {
    if (text === undefined || !/^(-?\d+|0x[0-9a-f]+)$/.test(text)) fail(`${text ?? "nothing"} is not an integer`);
    const value = Number(text);
    if (value < low || value > high) fail(`${text} is outside ${low}..${high}`);
    return value;
  }
  function quoted(text, what) {
    if (text === undefined || !/^"[^"\\]+"$/.test(text)) fail(`the ${what} is missing: a text in "quotes"`);
    return text.slice(1, -1);
  }
  function exactly(words, count, form) {
    if (words.length !== count) fail(`expected: ${form}`);
  }

  function signature(words) {
    const form = "NAME result (arg: type, ...)";
    const match = /^(\S+) (\S+) \((.*)\)$/.exec(words.join(" "));
    if (!match) fail(`expected: ${form}`);
    const [, name, result, list] = match;
    if (!["void", ...VALUE_TYPES].includes(result)) fail(`${result} is not a result type`);
    const names = new Set();
    const args =
      list.trim() === ""
        ? []
        : list.split(",").map((part) => {
            const arg = /^\s*([a-z][a-z0-9_]*): (\S+)\s*$/.exec(part);
            if (!arg) fail(`"${part.trim()}" is not an argument; expected: ${form}`);
            if (!VALUE_TYPES.includes(arg[2])) fail(`${arg[2]} is not an argument type`);
            if (names.has(arg[1])) fail(`argument ${arg[1]} is named twice`);
            names.add(arg[1]);
            return { name: arg[1], type: arg[2] };
          });
    named(/^twc_[a-z0-9_]+$/, name, "a twc_ name");
    unique("function", name);
    return { name, result, args };
  }

  function close() {
    if (!block) return;
    if (block.members.length === 0) fail(`${block.name} is empty`, block.line);
    if (block.what === "record" && block.offset !== block.size) {
      fail(`the fields of ${block.name} take ${block.offset} bytes, its size is declared as ${block.size}`, block.line);
    }
    block = null;
  }

  const open = {
    const(words) {
      exactly(words, 3, 'const NAME value "meaning"');
      unique("constant", named(CONSTANT, words[0], "a CONSTANT_NAME"));
      abi.consts.push({
        name: words[0],
        value: number(words[1]),
        hex: words[1].startsWith("0x"),
        meaning: quoted(words[2], "meaning"),
      });
    },
    error(words) {
      exactly(words, 4, 'error NAME value "what went wrong" "what to do"');
      const name = named(/^ERR_[A-Z0-9_]+$/, words[0], "an ERR_NAME");
      const value = number(words[1], -0x7fff, -1);
      unique("constant", name);
      unique("error value", value);
      abi.errors.push({
        name,
        value,
        what: quoted(words[2], "text of what went wrong"),
        todo: quoted(words[3], "advice"),
      });
    },
    enum(words, what = "enum") {
      exactly(words, 3, `${what} TsName C_PREFIX "meaning"`);
      const name = named(PASCAL, words[0], "a TypeName");
      unique("type", name);
      unique("C prefix", named(/^TW_[A-Z_]+$/, words[1], "a C_PREFIX that starts with TW_"));
      block = { what, name, prefix: words[1], meaning: quoted(words[2], "meaning"), members: [], line: lineNumber };
      abi.enums.push(block);
    },
    flags(words) {
      open.enum(words, "flags");
    },
    record(words) {
      exactly(words, 4, 'record TsName c_name size "meaning"');
      const name = named(PASCAL, words[0], "a TypeName");
      unique("type", name);
      unique("C type", named(LOWER, words[1], "a c_name"));
      block = {
        what: "record",
        name,
        c: words[1],
        size: number(words[2], 1, 4096),
        meaning: quoted(words[3], "meaning"),
        members: [],
        offset: 0,
        align: 1,
        line: lineNumber,
      };
      abi.records.push(block);
    },
    limits(words) {
      exactly(words, 3, 'limits TsName c_name "meaning"');
      if (abi.limits.length > 0) fail("there is one limits block");
      unique("type", named(PASCAL, words[0], "a TypeName"));
      unique("C type", named(LOWER, words[1], "a c_name"));
      block = {
        what: "limits",
        name: words[0],
        c: words[1],
        meaning: quoted(words[2], "meaning"),
        members: [],
        line: lineNumber,
      };
      abi.limits.push(block);
    },
    event(words) {
      exactly(words, 4, 'event NAME kind event "signature"');
      const name = named(PASCAL, words[0], "an event name");
      const text = quoted(words[3], "signature");
      if (!/^[A-Za-z]+\{[a-z]+:[a-z0-9]+(,[a-z]+:[a-z0-9]+)*\}$/.test(text) || !text.startsWith(`${name}{`)) {
        fail(`"${text}" is not ${name}{field:type,...}`);
      }
      unique("event", name);
      abi.events.push({
        name,
        kind: named(CONSTANT, words[1], "a Kind"),
        event: named(LOWER, words[2], "an event"),
        signature: text,
        hash: signatureHash(text),
        line: lineNumber,
      });
    },
    import(words) {
      abi.imports.push(signature(words));
    },
    export(words) {
      abi.exports.push(signature(words));
    },
  };

  const member = {
    enum(words) {
      exactly(words, 3, 'NAME value "meaning"');
      const name = named(CONSTANT, words[0], "a MEMBER_NAME");
      const value = number(words[1], 0, 0x7fffffff);
      unique(`member of ${block.name}:`, name);
      unique(`value of ${block.name}:`, value);
      block.members.push({ name, value, meaning: quoted(words[2], "meaning") });
    },
    flags(words) {
      const value = Number(words[1]);
      if ((value & (value - 1)) !== 0) fail(`${words[1]} is not a single bit`);
      member.enum(words);
    },
    record(words) {
      exactly(words, 3, 'type field "meaning"');
      const bytes = FIELD_BYTES[words[0]];
      if (bytes === undefined) fail(`${words[0]} is not one of ${Object.keys(FIELD_BYTES).join(", ")}`);
      const name = named(LOWER, words[1], "a field_name");
      unique(`field of ${block.name}:`, name);
      if (block.offset % bytes !== 0)
        fail(`${name} would lie at ${block.offset}, which is no multiple of its ${bytes} bytes`);
      block.members.push({ name, type: words[0], offset: block.offset, meaning: quoted(words[2], "meaning") });
      block.offset += bytes;
      block.align = Math.max(block.align, bytes);
      if (block.size % block.align !== 0) fail(`the size of ${block.name} is no multiple of ${block.align}`);
    },
    limits(words) {
      exactly(words, 6, 'field host= esp32= min= max= "meaning, unit"');
      const name = named(CAMEL, words[0], "a fieldName");
      unique(`field of ${block.name}:`, name);
      const limit = { name, offset: 4 * block.members.length, meaning: quoted(words[5], "meaning") };
      LIMIT_KEYS.forEach((key, at) => {
        const word = words[at + 1];
        if (!word.startsWith(`${key}=`)) fail(`expected ${key}= where ${word} stands`);
        limit[key] = number(word.slice(key.length + 1), 0);
      });
      for (const key of ["host", "esp32"]) {
        if (limit[key] < limit.min || limit[key] > limit.max)
          fail(`${key}=${limit[key]} is outside ${limit.min}..${limit.max}`);
      }
      block.members.push(limit);
    },
  };

  for (const line of source.split("\n")) {
    lineNumber++;
    const words = tokens(line) ?? fail('a "quote" is not closed');
    if (words.length === 0) continue;
    canonical.push(words.join(" "));
    if (/^\s/.test(line)) {
      if (!block) fail("an indented line stands below enum, flags, record or limits only");
      member[block.what](words);
    } else {
      close();
      const [keyword, ...rest] = words;
      if (!Object.hasOwn(open, keyword)) fail(`${keyword} is not one of ${Object.keys(open).join(", ")}`);
      open[keyword](rest);
    }
  }
  close();

  if (abi.limits.length !== 1) fail("the limits block is missing");
  const kinds = abi.enums.find((entry) => entry.name === "Kind")?.members.map((entry) => entry.name) ?? [];
  for (const event of abi.events)
    if (!kinds.includes(event.kind)) fail(`${event.kind} is no member of Kind`, event.line);
  abi.hash = fnv1a(canonical.join("\n"));
  return { ...abi, limits: abi.limits[0] };
}
