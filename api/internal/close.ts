import { MAX_REASON } from "../../wasm/abi.gen.ts";
import { utf8Size } from "../../wasm/text.ts";

/** RFC 6455 7.4.1: the purpose of the connection is fulfilled. */
const NORMAL = 1000;

/** RFC 6455 7.4.2: what applications may use besides. */
const FIRST_OWN = 3000;
const LAST_OWN = 4999;

/** RFC 6455 7.4.1 and IANA's registry: what a library or a server may say besides. */
const OF_SERVERS = [1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

/**
 * What `close` is given, as the standard takes it. Code 0: none is sent. `server`: a server may send more codes than the
 * standard lets pages send.
 *
 * @throws DOMException InvalidAccessError, SyntaxError.
 */
export function closeArguments(code: unknown, reason: unknown, server = false): { code: number; reason: string } {
  const number = code === undefined ? undefined : clamped(code);
  const own = number === undefined || number === NORMAL || (number >= FIRST_OWN && number <= LAST_OWN);
  if (!own && !(server && OF_SERVERS.includes(number))) {
    const right = server ? "a code that a server may send" : "1000 or from 3000 to 4999";
    throw new DOMException(`close: ${number} is not ${right}`, "InvalidAccessError");
  }
  const text = reason === undefined ? "" : `${reason}`;
  if (utf8Size(text) > MAX_REASON) {
    throw new DOMException(`close: a reason has at most ${MAX_REASON} bytes`, "SyntaxError");
  }
  return { code: number ?? (text === "" ? 0 : NORMAL), reason: text };
}

/** Web IDL's [Clamp] unsigned short. */
function clamped(value: unknown): number {
  const number = Math.min(Math.max(Number(value), 0), 65_535);
  if (Number.isNaN(number)) return 0;
  const floor = Math.floor(number);
  const rest = number - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
