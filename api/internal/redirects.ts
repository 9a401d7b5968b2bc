/** Rules of redirects and credentials that HTTP and WebSocket clients share. */

/** RFC 9110 15.4: fields that a server of another origin must not see. In lower case. */
const PRIVATE: ReadonlySet<string> = new Set(["authorization", "cookie", "proxy-authorization"]);

/** Whether a header field is for the first origin alone: it is not sent to another one, to which it redirects. */
export function isPrivate(name: string): boolean {
  return PRIVATE.has(name.toLowerCase());
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The value of a Location field as browsers read it: its bytes are UTF-8 if they can be, else Latin-1. */
export function locationText(latin1: string): string {
  if (/^[\0-\x7f]*$/.test(latin1)) return latin1;
  try {
    return decoder.decode(Uint8Array.from(latin1, (it) => it.charCodeAt(0)));
  } catch {
    return latin1;
  }
}

/** `user:password` as the value of an Authorization field, RFC 7617, in UTF-8. */
export function basicAuth(credentials: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(credentials)) bytes += String.fromCharCode(byte);
  return `Basic ${btoa(bytes)}`;
}
