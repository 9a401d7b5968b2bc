// Reads a WebAssembly module, as far as the checks of the build need it.

const SECTION = { IMPORT: 2, MEMORY: 5, EXPORT: 7, START: 8, CODE: 10 };
const KINDS = ["function", "table", "memory", "global", "tag"];
const MEMORY_GROW = 0x40;

class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }
  byte() {
    if (this.at >= this.end) throw new Error("the module ends too early");
    return this.bytes[this.at++];
  }
  /** An unsigned LEB128 of up to 32 bits. */
  u32() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  /** Skips a LEB128 of any width. */
  leb() {
    while (this.byte() >= 0x80);
  }
  skip(count) {
    this.at += count;
    if (this.at > this.end) throw new Error("the module ends too early");
  }
  text() {
    const size = this.u32();
    this.skip(size);
    return new TextDecoder().decode(this.bytes.subarray(this.at - size, this.at));
  }
  vector(read) {
    return Array.from({ length: this.u32() }, read);
  }
  limits() {
    const flags = this.byte();
    const minimum = this.u32();
    return flags & 1 ? { minimum, maximum: this.u32() } : { minimum };
  }
}

function importEntry(reader) {
  const module = reader.text();
  const name = reader.text();
  const kind = KINDS[reader.byte()];
  if (kind === "function") reader.u32();
  else if (kind === "memory") reader.limits();
  else if (kind === "global") reader.skip(2);
  else throw new Error(`the module imports a ${kind}: ${module}.${name}`);
  return { module, name, kind };
}

// The operands of the opcodes that LLVM emits for this target, by ranges. n: a LEB128; v: a vector of them; a digit: as
// many bytes; x: 16 bytes. WebAssembly 2.0, chapter 5.4.
const PLAIN = [
  [0x00, 0x01, ""],
  [0x02, 0x04, "n"],
  [0x05, 0x05, ""],
  [0x0b, 0x0b, ""],
  [0x0c, 0x0d, "n"],
  [0x0e, 0x0e, "vn"],
  [0x0f, 0x0f, ""],
  [0x10, 0x10, "n"],
  [0x11, 0x11, "nn"],
  [0x12, 0x12, "n"],
  [0x1a, 0x1b, ""],
  [0x1c, 0x1c, "v"],
  [0x20, 0x26, "n"],
  [0x28, 0x3e, "nn"],
  [0x3f, 0x42, "n"],
  [0x43, 0x43, "4"],
  [0x44, 0x44, "8"],
  [0x45, 0xc4, ""],
];
const BULK = [
  [0, 7, ""],
  [8, 8, "nn"],
  [9, 9, "n"],
  [10, 10, "nn"],
  [11, 11, "n"],
  [12, 12, "nn"],
  [13, 13, "n"],
  [14, 14, "nn"],
  [15, 17, "n"],
];
const SIMD = [
  [0, 11, "nn"],
  [12, 13, "x"],
  [14, 20, ""],
  [21, 34, "1"],
  [35, 83, ""],
  [84, 91, "nn1"],
  [92, 93, "nn"],
  [94, 275, ""],
];

function skipOperands(reader, table, op, name) {
  const row = table.find(([from, to]) => from <= op && op <= to);
  if (!row) throw new Error(`unknown opcode ${name}`);
  for (const operand of row[2]) {
    if (operand === "n") reader.leb();
    else if (operand === "v") reader.vector(() => reader.leb());
    else reader.skip(operand === "x" ? 16 : Number(operand));
  }
}

/** Skips one instruction and returns its opcode, or the prefix of one that has a prefix. */
function instruction(reader) {
  const op = reader.byte();
  const hex = op.toString(16);
  if (op === 0xfc || op === 0xfd) {
    const sub = reader.u32();
    skipOperands(reader, op === 0xfc ? BULK : SIMD, sub, `${hex} ${sub}`);
  } else {
    skipOperands(reader, PLAIN, op, hex);
  }
  return op;
}

function growsMemory(reader) {
  const bodies = reader.vector(() => {
    const size = reader.u32();
    const body = new Reader(reader.bytes, reader.at, reader.at + size);
    reader.skip(size);
    body.vector(() => [body.u32(), body.byte()]); // locals: count and type
    let grows = false;
    while (body.at < body.end) grows = instruction(body) === MEMORY_GROW || grows;
    return grows;
  });
  return bodies.includes(true);
}

/** { imports: [{module, name, kind}], exports: [{name, kind}], hasStart, growsMemory } of a module's bytes. */
export function inspectModule(bytes) {
  if (!WebAssembly.validate(bytes)) throw new Error("the bytes are no valid WebAssembly module");
  const found = { imports: [], exports: [], hasStart: false, growsMemory: false };
  const reader = new Reader(bytes, 8);
  while (reader.at < reader.end) {
    const id = reader.byte();
    const size = reader.u32();
    const section = new Reader(bytes, reader.at, reader.at + size);
    reader.skip(size);
    if (id === SECTION.IMPORT) found.imports = section.vector(() => importEntry(section));
    if (id === SECTION.EXPORT) {
      found.exports = section.vector(() => {
        const name = section.text();
        const kind = KINDS[section.byte()];
        section.u32();
        return { name, kind };
      });
    }
    if (id === SECTION.START) found.hasStart = true;
    if (id === SECTION.CODE) found.growsMemory = growsMemory(section);
  }
  return found;
}
