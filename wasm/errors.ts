import { type ErrorCode, Errors, Step } from "./abi.gen.ts";

/** The operation that failed; `"call"`: a function was called with wrong arguments. */
export type ErrorStep =
  | "open"
  | "connect"
  | "tls"
  | "handshake"
  | "accept"
  | "proxy"
  | "receive"
  | "send"
  | "close"
  | "resolve"
  | "call";

/** The facts about an error besides its code. */
export interface ErrorFacts {
  /** The operation that failed. */
  step?: ErrorStep | undefined;
  /** The target of the operation: `"host:port"`, a URL, or nothing. */
  address?: string | undefined;
  /** A number that belongs to the error: an HTTP status, a close code, or 0. */
  detail?: number | undefined;
  /** The HTTP status to answer a request with, or 0. */
  status?: number | undefined;
  /** What exactly was wrong, where that is more than the table says. */
  reason?: string | undefined;
  /** The function or class that was called in a wrong way. The message is then made of `problem` and `remedy` alone. */
  operation?: string | undefined;
  /** What is wrong with the call. */
  problem?: string | undefined;
  /** What to do about it. */
  remedy?: string | undefined;
  /** The error that the runtime reported. */
  cause?: unknown;
}

/** Characters of an address in a message. */
const MAX_SHOWN = 200;

/** Characters of a problem and its remedy. */
const MAX_PROBLEM = 1_000;

const codes = new Map<number, ErrorCode>(
  (Object.keys(Errors) as ErrorCode[]).map((code) => [Errors[code].value, code]),
);

const steps: Record<Step, ErrorStep> = {
  [Step.OPEN]: "open",
  [Step.CONNECT]: "connect",
  [Step.HANDSHAKE]: "handshake",
  [Step.RECEIVE]: "receive",
  [Step.SEND]: "send",
  [Step.CLOSE]: "close",
  [Step.TLS]: "tls",
  [Step.ACCEPT]: "accept",
  [Step.PROXY]: "proxy",
};

const doing: Record<ErrorStep, string> = {
  open: "opening",
  connect: "connecting to",
  tls: "TLS with",
  handshake: "the handshake with",
  accept: "accepting at",
  proxy: "asking the proxy for a tunnel to",
  receive: "receiving from",
  send: "sending to",
  close: "closing",
  resolve: "looking up",
  call: "",
};

/** The code of an error number of the core. A number that the table lacks is an error of the host. */
export function errorCode(value: number): ErrorCode {
  return codes.get(value) ?? "ERR_HOST";
}

/** The number of a code in the core interface: negative. */
export function errorValue(code: ErrorCode): number {
  return Errors[code].value;
}

/** The name of a `Step` of an event record. */
export function stepName(step: number): ErrorStep {
  return steps[step as Step] ?? "call";
}

/**
 * The error class of twinwire. The message has the operation, its target, the problem and a remedy:
 *
 * ```
 * ERR_REFUSED: connecting to 127.0.0.1:9: the peer refused the connection (connect ECONNREFUSED 127.0.0.1:9);
 * check that a server listens at this address and port
 * ```
 */
export class TwinwireError extends Error {
  /** A code of the table in docs/errors.md; the same in C. */
  readonly code: ErrorCode;
  /** The operation that failed. */
  readonly step: ErrorStep;
  /** The target of the operation: `"host:port"`, a URL, or `""`. */
  readonly address: string;
  /** An HTTP status (`ERR_WS_REFUSED`), a WebSocket close code, or 0. */
  readonly detail: number;
  /** For a request that can't be read: the HTTP status to answer it with. Otherwise 0. */
  readonly status: number;

  constructor(code: ErrorCode, facts: ErrorFacts = {}) {
    super(describe(code, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.step = facts.step ?? "call";
    this.address = facts.address ?? "";
    this.detail = facts.detail ?? 0;
    this.status = facts.status ?? 0;
  }

  static {
    Object.defineProperty(TwinwireError.prototype, "name", { value: "TwinwireError", writable: true });
  }
}

/**
 * An error that reports an event, as that a peer has reset a connection. Its stack would show the engine only, and recording it
 * is most of what an error costs, so that it has none: a server creates one for each client that leaves like that.
 */
export function errorWithoutStack(code: ErrorCode, facts: ErrorFacts): TwinwireError {
  const limit = Error.stackTraceLimit;
  if (typeof limit !== "number" || Object.isFrozen(Error)) return new TwinwireError(code, facts);
  Error.stackTraceLimit = 0;
  try {
    return new TwinwireError(code, facts);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** An address as far as a line of a log should show it: what was refused may hold line breaks, or be very long. */
function printable(text: string, most = MAX_SHOWN): string {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return shown.replace(/\p{Cc}/gu, (it) => `\\x${it.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

function messageOf(cause: unknown): string | undefined {
  const message = typeof cause === "object" && cause !== null && "message" in cause ? cause.message : undefined;
  return typeof message === "string" ? message : undefined;
}

function describe(code: ErrorCode, facts: ErrorFacts): string {
  const { step = "call", address = "", detail = 0, reason, operation, problem, remedy, cause } = facts;
  if (operation !== undefined) {
    const parts = [problem, messageOf(cause), remedy].filter((part) => part !== undefined);
    return `${code}: ${operation}: ${printable(parts.join("; "), MAX_PROBLEM)}`;
  }
  const { what, todo } = Errors[code];
  const where = [doing[step], printable(address)].filter((part) => part !== "").join(" ");
  const why = [reason, detail === 0 ? "" : `${detail}`, messageOf(cause)];
  const because = why.filter((part) => part !== undefined && part !== "").join("; ");
  return `${code}: ${where === "" ? "" : `${where}: `}${what}${because === "" ? "" : ` (${because})`}; ${todo}`;
}
