import type { ErrorCode } from "../../wasm/abi.gen.ts";
import type { TwinwireError } from "../../wasm/errors.ts";
import type { Head } from "./handshake.ts";

/** What `ws` makes of what a peer did wrong, where dependents look at it. The engine's own error is its cause. */
const broken: Partial<Record<ErrorCode, { readonly code: string; readonly message: string; readonly range: boolean }>> =
  {
    ERR_WS_TOO_BIG: {
      code: "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH",
      message: "Max payload size exceeded",
      range: true,
    },
    ERR_WS_UTF8: {
      code: "WS_ERR_INVALID_UTF8",
      message: "Invalid WebSocket frame: invalid UTF-8 sequence",
      range: false,
    },
  };

/** The error of a connection that was open; `undefined` for an end which `ws` reports by `close` alone. */
export function brokenError(error: TwinwireError): Error | undefined {
  const known = broken[error.code];
  if (known !== undefined) {
    const made = new (known.range ? RangeError : Error)(known.message, { cause: error });
    return Object.assign(made, { code: known.code });
  }
  if (error.code === "ERR_WS_PROTOCOL") {
    /* The engine does not distinguish ws's codes for frames. */
    return Object.assign(new RangeError("Invalid WebSocket frame", { cause: error }), { code: error.code });
  }
  if (error.code === "ERR_WS_DEFLATE") return nativeError(error) ?? error;
  const isOurs = error.code === "ERR_HEARTBEAT" || error.code === "ERR_MEMORY" || error.code === "ERR_LIMIT";
  return isOurs ? error : undefined;
}

/** The error of a connection that never opened. `head`: the answer, if there was one. */
export function openingError(error: TwinwireError, head: Head | undefined, offered: readonly string[]): Error {
  switch (error.code) {
    case "ERR_WS_REFUSED":
      return new Error(`Unexpected server response: ${error.detail}`, { cause: error });
    case "ERR_WS_HANDSHAKE":
      return new Error(handshakeFault(head, offered), { cause: error });
    case "ERR_TIMEOUT":
      return nativeError(error) ?? new Error("Opening handshake has timed out", { cause: error });
    case "ERR_ENDED":
      return Object.assign(new Error("socket hang up", { cause: error }), { code: "ECONNRESET" });
    default:
      return nativeError(error) ?? error;
  }
}

/** What is wrong with the answer, in the order in which `ws` looks. */
function handshakeFault(head: Head | undefined, offered: readonly string[]): string {
  if (head === undefined) return "Parse Error: Expected HTTP/";
  const { upgrade, "sec-websocket-accept": accept } = head.headers;
  /* The engine looks no further than to the first fault: what is missing then may only not have come yet. */
  const wrong = upgrade === undefined ? head.isWhole : String(upgrade).toLowerCase() !== "websocket";
  if (wrong) return "Invalid Upgrade header";
  if (accept === undefined || !head.isWhole) {
    const last = head.rawHeaders.at(-2)?.toLowerCase();
    if (accept === undefined || last === "sec-websocket-accept") return "Invalid Sec-WebSocket-Accept header";
  }
  const { "sec-websocket-protocol": chosen, "sec-websocket-extensions": extensions } = head.headers;
  if (chosen !== undefined && offered.length === 0) return "Server sent a subprotocol but none was requested";
  if (chosen !== undefined && !offered.includes(String(chosen))) return "Server sent an invalid subprotocol";
  if (chosen === undefined && offered.length > 0 && head.isWhole) return "Server sent no subprotocol";
  if (extensions !== undefined) return "Invalid Sec-WebSocket-Extensions header";
  return "Invalid Sec-WebSocket-Accept header";
}

/** What the runtime reported: `ECONNREFUSED` and its like are in its `code`. */
function nativeError({ cause }: TwinwireError): Error | undefined {
  const isError = typeof cause === "object" && cause !== null && "code" in cause && "message" in cause;
  return isError ? (cause as unknown as Error) : undefined;
}
