// Bytes as lines show them; ../README.md has the rules.

function runAt(bytes, at) {
  let end = at + 1;
  while (end < bytes.length && bytes[end] === bytes[at]) end++;
  return end - at;
}

const isPlain = (bytes) =>
  bytes.every((byte, at) => ((byte >= 0x20 && byte <= 0x7e) || [9, 10, 13].includes(byte)) && runAt(bytes, at) < 8);

function hex(bytes) {
  const words = [""];
  for (let at = 0; at < bytes.length; ) {
    const run = runAt(bytes, at);
    const byte = bytes[at].toString(16).padStart(2, "0");
    if (run < 8) {
      words[words.length - 1] += byte;
      at++;
    } else {
      words.push(`${byte}*${run}`, "");
      at += run;
    }
  }
  return `x:${words.filter((word) => word !== "").join(" ")}`;
}

/** The line "prefix BYTES"; `text` is UTF-8 unless it is bytes. */
export function lineOf(prefix, text) {
  const bytes = Buffer.from(text);
  if (bytes.length > 300 || !isPlain(bytes)) return `${prefix} ${hex(bytes)}`;
  const escaped = bytes.toString("latin1").replace(/[\\']/g, "\\$&").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
  return `${prefix} '${escaped.replaceAll("\t", "\\t")}'`;
}
