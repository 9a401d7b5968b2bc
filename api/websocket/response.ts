import type { HandshakeResponse } from "./client-options.ts";

const REDIRECTS = [301, 302, 303, 307, 308];

/** The head of an answer, as it came, which the core has found to be one. */
export function responseOf(status: number, head: string, url: string): HandshakeResponse {
  const [start = "", ...lines] = head.split(/\r?\n/);
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const reason = /^HTTP\/\d\.\d \d{3} ?(.*)$/.exec(start)?.[1] ?? "";
  return { status, reason, headers, url };
}

/** Where an answer sends us, if it does. */
export function redirectOf({ status, headers, url }: HandshakeResponse): URL | undefined {
  const location = headers.get("location");
  if (location === null || !REDIRECTS.includes(status)) return undefined;
  try {
    return webSocketUrl(new URL(location, url));
  } catch {
    return undefined;
  }
}

/** As the standard has it: `http:` stands for `ws:`, `https:` for `wss:`. */
export function webSocketUrl(url: URL): URL {
  if (url.protocol === "http:" || url.protocol === "https:") {
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  }
  return url;
}
