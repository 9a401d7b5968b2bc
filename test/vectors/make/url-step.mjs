import assert from "node:assert";

export const SECURE = 1;
export const IPV6 = 2;
export const DEFAULT_PORT = 4;
export const longest = `${"a".repeat(63)}.`.repeat(3) + "b".repeat(61);

function read(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** A URL that is good by RFC 3986 and RFC 6455 3; where the URL standard has the same notions, Node must agree. */
export function good(text, host, port, target, flags) {
  const url = read(text);
  assert.ok(url, text);
  assert.equal(url.protocol, flags & SECURE ? "wss:" : "ws:", text);
  assert.equal(Number(url.port || (flags & SECURE ? 443 : 80)), port, text);
  assert.equal(url.port === "", (flags & DEFAULT_PORT) !== 0, text);
  if (flags & IPV6) assert.equal(new URL(`ws://[${host}]/`).hostname, url.hostname, text);
  else assert.equal(url.hostname, host.toLowerCase(), text);
  if (/^[\w/?=&.:@%*-]*$/.test(target) && !target.includes("..")) {
    const path = target.startsWith("/") ? target : `/${target}`;
    /* The standard drops a "?" with nothing behind it. */
    assert.equal(url.pathname + url.search, path.replace(/\?$/, ""), text);
  }
  return ["url", text, "ok", host, port, target, flags];
}

/** A URL that is bad, for Node as well. */
export const bad = (...texts) =>
  texts.map((text) => {
    assert.equal(read(text.replace(/^wss?/i, "ws")), null, text);
    return ["url", text, "ERR_URL"];
  });

/** A URL that is refused although the URL standard would repair or allow it; the case says why. */
export const refused = (...texts) => texts.map((text) => ["url", text, "ERR_URL"]);

export const encoded = (text) => ["url-encode", text, encodeURI(text).replaceAll("%25", "%").replaceAll("#", "%23")];
