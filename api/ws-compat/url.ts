import { webSocketUrl } from "../websocket/response.ts";

/** RFC 9110 5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The URL that a WebSocket is to be opened at.
 *
 * @throws SyntaxError with the words of `ws`.
 */
export function urlOf(given: string | URL): URL {
  let url: URL;
  try {
    url = webSocketUrl(new URL(given));
  } catch {
    throw new SyntaxError(`Invalid URL: ${given}`);
  }
  const fault = faultOf(url);
  if (fault !== undefined) throw new SyntaxError(fault);
  return url;
}

/** Where a redirect leads, or what is wrong with it. */
export function redirectTarget(location: string | readonly string[], from: URL): URL | string {
  let url: URL;
  try {
    url = webSocketUrl(new URL(String(location), from));
  } catch {
    return `Invalid URL: ${location}`;
  }
  return faultOf(url) ?? url;
}

/** A URL as the engine takes it: without a user, who goes into a header. */
export function plainUrl(url: URL): string {
  if (url.username === "" && url.password === "") return url.href;
  const plain = new URL(url);
  plain.username = "";
  plain.password = "";
  return plain.href;
}

/**
 * Subprotocols as a list.
 *
 * @throws SyntaxError for what is no name, or is there twice.
 */
export function protocolsOf(given: string | readonly string[] | undefined): readonly string[] {
  const names = given === undefined ? [] : typeof given === "string" ? [given] : [...given];
  if (names.some((name) => typeof name !== "string" || !TOKEN.test(name)) || new Set(names).size < names.length) {
    throw new SyntaxError("An invalid or duplicated subprotocol was specified");
  }
  return names;
}

function faultOf(url: URL): string | undefined {
  if (!["ws:", "wss:", "ws+unix:"].includes(url.protocol)) {
    return 'The URL\'s protocol must be one of "ws:", "wss:", "http:", "https:", or "ws+unix:"';
  }
  if (url.protocol === "ws+unix:" && url.pathname === "") return "The URL's pathname is empty";
  return url.hash === "" ? undefined : "The URL contains a fragment identifier";
}
