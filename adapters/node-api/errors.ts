import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";

const table: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: "ERR_REFUSED",
  ECONNRESET: "ERR_RESET",
  EPIPE: "ERR_RESET",
  ECONNABORTED: "ERR_RESET",
  ETIMEDOUT: "ERR_TIMEOUT",
  ENETUNREACH: "ERR_UNREACHABLE",
  EHOSTUNREACH: "ERR_UNREACHABLE",
  EHOSTDOWN: "ERR_UNREACHABLE",
  ENETDOWN: "ERR_NETWORK_DOWN",
  EADDRNOTAVAIL: "ERR_UNREACHABLE",
  EAFNOSUPPORT: "ERR_UNSUPPORTED",
  EADDRINUSE: "ERR_IN_USE",
  EACCES: "ERR_ACCESS",
  EPERM: "ERR_ACCESS",
  EROFS: "ERR_ACCESS",
  EMFILE: "ERR_LIMIT",
  ENFILE: "ERR_LIMIT",
  ENOENT: "ERR_NOT_FOUND",
  ENOTDIR: "ERR_NOT_FOUND",
  ENAMETOOLONG: "ERR_PATH",
  EPROTO: "ERR_TLS",
  EMSGSIZE: "ERR_TOO_LARGE",
  ENOBUFS: "ERR_BACKPRESSURE",
  EAGAIN: "ERR_BACKPRESSURE",
  ENOTFOUND: "ERR_NAME_NOT_FOUND",
  ENODATA: "ERR_NAME_NOT_FOUND",
  EAI_NONAME: "ERR_NAME_NOT_FOUND",
  EAI_NODATA: "ERR_NAME_NOT_FOUND",
  EAI_AGAIN: "ERR_NAME_FAILED",
  EAI_FAIL: "ERR_NAME_FAILED",
  EAI_MEMORY: "ERR_NAME_FAILED",
  ESERVFAIL: "ERR_NAME_FAILED",
  ERR_SOCKET_CONNECTION_TIMEOUT: "ERR_TIMEOUT",
  ERR_SOCKET_BAD_PORT: "ERR_PORT",
  ERR_INVALID_ARG_VALUE: "ERR_ARGUMENT",
  ERR_INVALID_ARG_TYPE: "ERR_ARGUMENT",
  ERR_OUT_OF_RANGE: "ERR_ARGUMENT",
};

/**
 * The number in the error table of what Node reported. An attempt at several addresses fails with all their errors; the
 * first that has a code of the table speaks for them.
 */
export function errorNumber(error: unknown): number {
  return Errors[find(error) ?? "ERR_HOST"].value;
}

function find(error: unknown): ErrorCode | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, errors, syscall } = error as { code?: unknown; errors?: unknown; syscall?: unknown };
  /* Of our own end it has no code: the address is not one of this machine. */
  if (code === "EADDRNOTAVAIL" && syscall !== "connect") return undefined;
  if (typeof code === "string") return Object.hasOwn(table, code) ? table[code] : byPrefix(code);
  for (const part of Array.isArray(errors) ? errors : []) {
    const found = find(part);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** OpenSSL has a code for each of its reasons. */
function byPrefix(code: string): ErrorCode | undefined {
  return /^ERR_(SSL|TLS)_/.test(code) ? "ERR_TLS" : undefined;
}
