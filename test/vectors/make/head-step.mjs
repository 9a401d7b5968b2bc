// The mark, ‖, stands before the byte that proves the head bad, or after the last byte of the head.

const MARK = "‖";

/** A whole head; the mark, if it is not at the end, separates it from what follows. */
export function whole(kind, text, ...items) {
  const [head, rest = ""] = text.split(MARK);
  return ["head", kind, head + rest, ...items, `end at ${Buffer.byteLength(head)}`];
}

/** A head with an error at the mark. */
export function bad(kind, text, ...items) {
  const [before, rest] = text.split(MARK);
  return ["head", kind, before + rest, ...items, `error ERR_HTTP at ${Buffer.byteLength(before)}`];
}

/** The same, where the version is another one. */
export function version(kind, text, ...items) {
  const step = bad(kind, text, ...items);
  return [...step.slice(0, -1), step.at(-1).replace("ERR_HTTP", "ERR_HTTP_VERSION")];
}

export const cut = (kind, text, ...items) => ["head", kind, text, ...items, "need"];
export const response = (text, ...items) => whole("response", text, ...items);
export const request = (text, ...items) => whole("request", text, ...items);

/** A field after a good first line. */
export const OK = "HTTP/1.1 200 OK\r\n";
export const line = ["status 200 1", "reason OK"];
export const field = (text, name, value) => response(`${OK}${text}\r\n\r\n`, ...line, `name ${name}`, `value ${value}`);
export const badField = (text, ...items) => bad("response", `${OK}${text}`, "status 200 1", ...items);
export const fieldAndBad = (text, ...items) => badField(text, "reason OK", ...items);

/** An ERR_HEAD_TOO_LARGE at byte `max`, or none. */
export const limited = (max, text, ...items) => ["head-limit", "response", max, text, ...items];

/** Every character of an RFC 9110 token. */
export const tokenBytes = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
