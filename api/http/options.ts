import type { ProxyOption } from "../conn/proxy.ts";
import { callback, flag, integer, MAX_MS, OptionSet, type Rule, signal } from "../internal/options.ts";
import { tlsOptions } from "../internal/tls-options.ts";
import type { HttpRequestOptions, ReadRequestOptions } from "./types.ts";

/** The most bytes of a body that the core can count to: no bound. */
export const NO_BOUND = 2 ** 32 - 1;

/** Bytes of a body that are held in memory unless `maxBody` is passed. */
export const MAX_WHOLE = 16_777_216;

const MOST_REDIRECTS = 1_000;

/** A time in ms; 0: no end. */
export const duration: Rule<number> = integer(0, MAX_MS);
const bytes: Rule<number> = integer(0, NO_BOUND);

/* What is no proxy is refused with codes of its own, when the route is known. A URL object can change: its text can't. */
const proxy: Rule<ProxyOption> = (given) => (given instanceof URL ? given.href : (given as ProxyOption));

export const requestOptions = new OptionSet<HttpRequestOptions>({
  signal,
  timeoutMs: duration,
  maxBody: bytes,
  maxRedirects: integer(0, MOST_REDIRECTS),
  keepAlive: flag,
  proxy,
  tls: tlsOptions.rule,
  expectContinue: flag,
  onInterim: callback(),
});

export const readOptions = new OptionSet<ReadRequestOptions>({
  signal,
  maxBody: bytes,
  idleTimeoutMs: duration,
  headTimeoutMs: duration,
  timeoutMs: duration,
});
