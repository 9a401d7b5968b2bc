import type { TlsOptions } from "../../wasm/socket-options.ts";
import { show } from "./arguments.ts";

/** A SHA-256 fingerprint: 32 bytes in hex. */
const FINGERPRINT = /^[0-9a-f]{2}(:?[0-9a-f]{2}){31}$/i;

/**
 * What is wrong with options for TLS, or `undefined`. What only the host can tell, as whether a key fits its certificate,
 * it tells when the handle is opened.
 */
export function tlsFault(tls: unknown): string | undefined {
  if (typeof tls !== "object" || tls === null) return `tls is an object, not ${show(tls)}`;
  for (const [name, value] of Object.entries(tls)) {
    /* A check that was asked for under a wrong name must not be left out in silence. */
    if (!isName(name)) return `there is no tls.${name}; there are ${Object.keys(rules).join(", ")}`;
    if (value !== undefined && !rules[name].test(value)) return `tls.${name} is ${rules[name].text}`;
  }
  return undefined;
}

function isName(name: string): name is keyof TlsOptions {
  return Object.hasOwn(rules, name);
}

interface Rule {
  readonly text: string;
  readonly test: (value: unknown) => boolean;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isFlag = (value: unknown): boolean => typeof value === "boolean";

/* To a runtime, an empty list of authorities may mean its own list. */
const isPem = (value: unknown): boolean =>
  isText(value) ? value.includes("-----BEGIN ") : value instanceof Uint8Array && value.length > 0;

const pem: Rule = { text: "PEM, as text or bytes", test: isPem };
const text: Rule = { text: "a text", test: isText };
const flag: Rule = { text: "true or false", test: isFlag };

const rules: Readonly<Record<keyof TlsOptions, Rule>> = {
  ca: {
    text: `${pem.text}, or an array of such`,
    test: (value) => (Array.isArray(value) ? value.length > 0 && value.every(isPem) : isPem(value)),
  },
  cert: pem,
  key: pem,
  passphrase: text,
  servername: text,
  alpn: {
    text: "an array of names",
    test: (value) => Array.isArray(value) && value.every((name) => isText(name) && name !== ""),
  },
  rejectUnauthorized: flag,
  requestCert: flag,
  pin: {
    text: "a SHA-256 fingerprint: 64 hex digits, with or without colons",
    test: (value) => isText(value) && FINGERPRINT.test(value),
  },
  minVersion: { text: '"TLSv1.2" or "TLSv1.3"', test: (value) => value === "TLSv1.2" || value === "TLSv1.3" },
};
