// URLs that are taken.

import { DEFAULT_PORT, encoded, good, IPV6, longest, SECURE } from "./url-step.mjs";

export const goodUrls = [
  {
    name: "parts",
    steps: [
      good("ws://example.com", "example.com", 80, "", DEFAULT_PORT),
      good("wss://example.com", "example.com", 443, "", SECURE | DEFAULT_PORT),
      good("ws://example.com/", "example.com", 80, "/", DEFAULT_PORT),
      good("ws://192.168.1.10:8080/stream", "192.168.1.10", 8080, "/stream", 0),
      good("wss://server.example.com:8443/chat?room=1&x=%20", "server.example.com", 8443, "/chat?room=1&x=%20", SECURE),
      good("ws://h?q", "h", 80, "?q", DEFAULT_PORT),
      good("ws://h:81?", "h", 81, "?", 0),
      good("ws://h/?", "h", 80, "/?", DEFAULT_PORT),
      good("ws://h?a/b", "h", 80, "?a/b", DEFAULT_PORT),
      good("ws://h/a?b?c", "h", 80, "/a?b?c", DEFAULT_PORT),
      good("ws://h//a//b", "h", 80, "//a//b", DEFAULT_PORT),
      good("ws://h/a/../b/.", "h", 80, "/a/../b/.", DEFAULT_PORT),
      good("ws://h/user@host:80", "h", 80, "/user@host:80", DEFAULT_PORT),
      good("ws://h?user@host:80", "h", 80, "?user@host:80", DEFAULT_PORT),
      good("ws://h/[::1]:80", "h", 80, "/[::1]:80", DEFAULT_PORT),
    ],
  },
  {
    name: "RFC 3986 3.1: a scheme has no case",
    steps: [
      good("WS://Example.COM/Path", "Example.COM", 80, "/Path", DEFAULT_PORT),
      good("wSs://h", "h", 443, "", SECURE | DEFAULT_PORT),
    ],
  },
  {
    name: "hosts",
    steps: [
      good("ws://localhost/", "localhost", 80, "/", DEFAULT_PORT),
      good("ws://a/", "a", 80, "/", DEFAULT_PORT),
      good("ws://example.com./", "example.com.", 80, "/", DEFAULT_PORT),
      good("ws://xn--bcher-kva.example/", "xn--bcher-kva.example", 80, "/", DEFAULT_PORT),
      good("ws://my_host-1~x/", "my_host-1~x", 80, "/", DEFAULT_PORT),
      good("ws://a!$&'()*+,;=b/", "a!$&'()*+,;=b", 80, "/", DEFAULT_PORT),
      good("ws://0.0.0.0/", "0.0.0.0", 80, "/", DEFAULT_PORT),
      good("ws://255.255.255.255/", "255.255.255.255", 80, "/", DEFAULT_PORT),
      good("ws://1a/", "1a", 80, "/", DEFAULT_PORT),
      good("ws://1.2.3.4a/", "1.2.3.4a", 80, "/", DEFAULT_PORT),
      good("ws://1.2.3.0x7g/", "1.2.3.0x7g", 80, "/", DEFAULT_PORT),
      good("ws://4.example/", "4.example", 80, "/", DEFAULT_PORT),
      good(`ws://${longest}/`, longest, 80, "/", DEFAULT_PORT),
    ],
  },
  {
    name: "IPv6",
    steps: [
      good("ws://[::1]", "::1", 80, "", IPV6 | DEFAULT_PORT),
      good("ws://[::1]?q", "::1", 80, "?q", IPV6 | DEFAULT_PORT),
      good("wss://[2001:DB8::8:800:200C:417A]:9000/x", "2001:DB8::8:800:200C:417A", 9000, "/x", SECURE | IPV6),
      good("ws://[::ffff:1.2.3.4]:80/", "::ffff:1.2.3.4", 80, "/", IPV6 | DEFAULT_PORT),
      good("ws://[::]:/", "::", 80, "/", IPV6 | DEFAULT_PORT),
    ],
  },
  {
    name: "ports",
    steps: [
      good("ws://h:1/", "h", 1, "/", 0),
      good("ws://h:65535/", "h", 65535, "/", 0),
      good("ws://h:80/", "h", 80, "/", DEFAULT_PORT),
      good("wss://h:443/", "h", 443, "/", SECURE | DEFAULT_PORT),
      good("ws://h:443/", "h", 443, "/", 0),
      good("wss://h:80/", "h", 80, "/", SECURE),
      good("ws://h:/", "h", 80, "/", DEFAULT_PORT),
      good("wss://h:", "h", 443, "", SECURE | DEFAULT_PORT),
      good("ws://h:00000000000000008080/", "h", 8080, "/", 0),
      good("ws://h:8080?q", "h", 8080, "?q", 0),
    ],
  },
  {
    name: "what a request line has no place for may stand in the target",
    steps: [
      good("ws://h/\u00fc?\u20ac", "h", 80, "/\u00fc?\u20ac", DEFAULT_PORT),
      good('ws://h/<a>"b"^`{|}', "h", 80, '/<a>"b"^`{|}', DEFAULT_PORT),
      good("ws://h/100%", "h", 80, "/100%", DEFAULT_PORT),
      ["url", "x:'ws://h/' ff80", "ok", "h", 80, "x:'/' ff80", DEFAULT_PORT],
    ],
  },
  {
    name: "and is encoded then",
    steps: [
      encoded("/chat?room=1"),
      encoded("/a-b._~!$&'()*+,;=:@/?%41%"),
      encoded("/\u00fc?\u20ac\u{1f600}"),
      encoded('<>"^`{|}[]#\\ \t\r\n\0\x7f'),
      ["url-encode", "x:ff80", "%FF%80"],
    ],
  },
];
