/**
 * What is secret in a trace, replaced by as many asterisks. The replacement has the size and the form of what it stands for, so
 * that a redacted trace can still be replayed: what the core makes of redacted credentials is what was redacted on the wire.
 */

/** Header fields with credentials. */
const FIELDS = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"];

/** Parameters of a URL with credentials. */
const PARAMETER = /([?&](?:access_token|api_?key|auth|key|password|secret|sig|signature|token)=)([^\s&#"]*)/gi;

/** A user and a password in a URL (RFC 3986 3.2.1). */
const USER = /(:\/\/)([^\s/?#@"]*)@/g;

const stars = (text: string): string => "*".repeat(text.length);

/** `user:password` of `size` bytes without anything of it: asterisks, and the colon between them. */
export function hideCredentials(text: string, size = text.length): string {
  const colon = text.indexOf(":");
  if (text.length !== size || colon < 0) return "*".repeat(size);
  return `${"*".repeat(colon)}:${"*".repeat(size - colon - 1)}`;
}

/** The same in base64, as RFC 7617 has it; `undefined` for what is not base64. */
function hideBasic(token: string): string | undefined {
  try {
    return btoa(hideCredentials(atob(token)));
  } catch {
    return undefined;
  }
}

/** The value of a secret field: what follows the name of a scheme is hidden. */
function hideValue(value: string): string {
  const [, scheme = "", rest = ""] = /^((?:basic|bearer|digest|negotiate|ntlm|token) +)(.+)$/is.exec(value) ?? [];
  if (scheme === "") return stars(value);
  const basic = /^basic /i.test(scheme) ? hideBasic(rest) : undefined;
  return scheme + (basic?.length === rest.length ? basic : stars(rest));
}

/** In a URL, `%2A` stands for an escaped byte, so that decoding it results in as many bytes. */
const hideUser = (user: string): string => user.replace(/%[0-9a-f]{2}|[^:]/gis, (it) => (it.length > 1 ? "%2A" : "*"));

/** Redacts texts of which each character is a byte. */
export class Redaction {
  readonly #field: RegExp;
  readonly #line: RegExp;

  /** `fields`: names of further secret header fields. */
  constructor(fields: readonly string[]) {
    const names = [...FIELDS, ...fields].map((name) => name.replace(/[^\w-]/g, "\\$&")).join("|");
    this.#field = new RegExp(`^(?:${names})$`, "i");
    this.#line = new RegExp(`^((?:${names}):[ \\t]*)([^\\r\\n]*)`, "gim");
  }

  /** Whether a header field of this name is secret. */
  isSecret(name: string): boolean {
    return this.#field.test(name);
  }

  /** The value of such a field. */
  value(value: string): string {
    return hideValue(value);
  }

  /** A URL, or a text with lines of a head. */
  text(text: string): string {
    return text
      .replace(this.#line, (_, name: string, value: string) => name + hideValue(value))
      .replace(USER, (_, slashes: string, user: string) => `${slashes}${hideUser(user)}@`)
      .replace(PARAMETER, (_, name: string, value: string) => name + stars(value));
  }

  /** Texts that are each ended by NUL, of which some are names of fields and the next one is the value. */
  pairs(text: string): string {
    const parts = text.split("\0");
    return parts.map((part, at) => (this.isSecret(parts[at - 1] ?? "") ? hideValue(part) : this.text(part))).join("\0");
  }
}
