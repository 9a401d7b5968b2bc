// Cases of HTTP messages that are received. The mark, ‖, stands where a head ends, or where an error is proven: before
// the byte that may not stand there, or behind the line that says what may not be said.

import { lineOf } from "./show.mjs";

const MARK = "‖";

/** Splits at the mark. */
export function parts(text) {
  const at = text.indexOf(MARK);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + MARK.length)];
}

const open = (read, max) => [
  ["open-tcp", "a"],
  ["http-read", "a", read, max],
];

/** A case in which `text` is received, and then these events. */
export function received(name, read, text, events, { max = 1000, after = [] } = {}) {
  const [before, behind] = parts(text);
  return { name, steps: [...open(read, max), ["rx", "a", before + behind], ["events", ...events], ...after] };
}

/** A whole message without a body; what stands behind the mark is the stream's again. */
export function whole(read, code) {
  return (name, flags, text) => {
    const [head, rest] = parts(text);
    const data = rest === "" ? [] : [lineOf("data a", rest)];
    return received(name, read, text, [lineOf(`head a ${code} ${flags}`, head), "http-end a", ...data]);
  };
}

/** A message that ends with an error at the mark. */
export function broken(read, error, answer) {
  return (name, text, options) => {
    const [before] = parts(text);
    const shown = before.replace(/^\r\n/, read === "request" ? "" : "\r\n");
    const head = shown === "" || shown === "\r" ? [] : [lineOf("head-part a", shown)];
    return received(name, read, text, [...head, `http-end a ${error} ${answer}`], options);
  };
}
