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
  ENOTSUP: "ERR_UNSUPPORTED",
  EADDRINUSE: "ERR_IN_USE",
  EACCES: "ERR_ACCESS",
  EPERM: "ERR_ACCESS",
  EROFS: "ERR_ACCESS",
  EMFILE: "ERR_DESCRIPTORS",
  ENFILE: "ERR_DESCRIPTORS",
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
  ERR_INVALID_ADDRESS: "ERR_ADDRESS",
  ERR_INVALID_ARG_VALUE: "ERR_ARGUMENT",
  ERR_INVALID_ARG_TYPE: "ERR_ARGUMENT",
  ERR_OUT_OF_RANGE: "ERR_ARGUMENT",
  ERR_POLICY: "ERR_POLICY",
};

/** The number in the error table of what the runtime reported. */
export function errorNumber(error: unknown): number {
  return Errors[find(error) ?? "ERR_HOST"].value;
}

/** The codes that say most of why no address could be connected to, the most specific one first. */
const bySpecificity: readonly ErrorCode[] = [
  "ERR_DESCRIPTORS",
  "ERR_ACCESS",
  "ERR_REFUSED",
  "ERR_RESET",
  "ERR_TIMEOUT",
  "ERR_UNREACHABLE",
];

/** What is reported where several attempts failed: the error that says most, with the others in `errors`. */
export function mostSpecificError(errors: readonly Error[]): Error {
  const rank = (error: Error): number => {
    const at = bySpecificity.indexOf(find(error) ?? "ERR_HOST");
    return at < 0 ? bySpecificity.length : at;
  };
  const best = errors.reduce((one, other) => (rank(other) < rank(one) ? other : one));
  if (errors.length === 1) return best;
  const { code, syscall } = best as { code?: unknown; syscall?: unknown };
  return Object.assign(new AggregateError(errors, best.message), { code, syscall });
}

function find(error: unknown): ErrorCode | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  /* Of our own end it has no code: the address is not one of this machine. */
  if (code === "EADDRNOTAVAIL" && syscall !== "connect") return undefined;
  if (typeof code === "string") return Object.hasOwn(table, code) ? table[code] : byPrefix(code);
  return undefined;
}

/** OpenSSL has a code for each of its reasons. */
function byPrefix(code: string): ErrorCode | undefined {
  return /^ERR_(SSL|TLS)_/.test(code) ? "ERR_TLS" : undefined;
}

/** The error for an option of a listener that the runtime does not have. */
export function unsupported(option: string): Error {
  return Object.assign(new Error(`${option}: this version of the runtime does not have it`), { code: "ENOTSUP" });
}
