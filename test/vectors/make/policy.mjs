// Which addresses a policy allows: the registries of IANA for special-purpose addresses (RFC 6890) and for multicast, with
// Node's BlockList as the judge of prefixes.

import { BlockList, isIPv6 } from "node:net";

/** What is not globally reachable, as the registries have it, and multicast. IPv6: all but 2000::/3, and parts of that. */
const PRIVATE = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"],
  ...["192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4"],
  ...["240.0.0.0/4", "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "3fff::/20"],
];

/** A BlockList of the prefixes of a family; Node's would find IPv4 addresses in prefixes of IPv6. */
function listOf(prefixes, family) {
  const list = new BlockList();
  for (const prefix of prefixes.filter((it) => isIPv6(it.split("/")[0]) === (family === "ipv6"))) {
    const [address, bits = isIPv6(address) ? "128" : "32"] = prefix.split("/");
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** An IPv4 address in the last four bytes of an IPv6 one, where it is written so. */
const mapped = (address) => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];

function has(rule, address) {
  const plain = mapped(address) ?? address;
  const family = isIPv6(plain) ? "ipv6" : "ipv4";
  if (rule.toLowerCase() !== "private") return listOf([rule], family).check(plain, family);
  return !plain.startsWith("64:ff9b::") && listOf(PRIVATE, family).check(plain, family);
}

/** RFC 6052 2, RFC 3056 2: written out for the cases below. */
const INNER = {
  "64:ff9b::10.1.2.3": "10.1.2.3",
  "64:ff9b::7f00:1": "127.0.0.1",
  "64:ff9b::8.8.8.8": "8.8.8.8",
  "2002:a01:203::1": "10.1.2.3",
  "2002:808:808::1": "8.8.8.8",
};

function isAllowed(policy, address) {
  const rules = policy.split(",");
  const allows = (form) => {
    if (rules.some((it) => it[0] === "+" && has(it.slice(1), form))) return true;
    const denials = rules.filter((it) => it[0] === "-");
    return denials.length > 0 && !denials.some((it) => has(it.slice(1), form));
  };
  return allows(address) && (INNER[address] === undefined || allows(INNER[address]));
}

const EDGES = [
  ...["0.0.0.0", "0.255.255.255", "1.0.0.0", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
  ...["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", "127.0.0.1", "127.255.255.255", "128.0.0.0"],
  ...["169.253.255.255", "169.254.169.254", "169.255.0.0", "172.15.255.255", "172.16.0.0", "172.31.255.255"],
  ...["172.32.0.0", "192.0.0.8", "192.0.1.0", "192.0.2.1", "192.167.255.255", "192.168.0.1", "192.169.0.0"],
  ...["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "198.51.100.7", "203.0.113.7", "203.0.114.0"],
  ...["223.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "8.8.8.8"],
  ...["::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:7f00:1"],
  ...["64:ff9b::10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "100::1", "1fff:ffff::"],
  ...["2000::", "2001:1ff:ffff::", "2001:200::", "2001:db7:ffff::1", "2001:db8::1", "2001:db9::", "2001::1"],
  ...["2002:a01:203::1", "2002:808:808::1", "2606:4700::1111", "3fff::1", "3fff:1000::", "3ffe::1", "4000::"],
  ...["5f00::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ffff::"],
];

const POLICIES = [
  ["-private", EDGES],
  ["-private,+10.1.0.0/16,+127.0.0.1,+fd00::/8", ["10.1.2.3", "10.2.0.1", "127.0.0.1", "127.0.0.2", "::ffff:10.1.2.3"]],
  ["-private,+10.1.0.0/16,+127.0.0.1,+fd00::/8", ["64:ff9b::10.1.2.3", "64:ff9b::7f00:1", "fd12::1", "fc12::1", "::1"]],
  ["+192.168.7.0/25", ["192.168.7.0", "192.168.7.127", "192.168.7.128", "8.8.8.8", "::ffff:192.168.7.1", "::1"]],
  ["+2001:db8:8000::/33", ["2001:db8:7fff::", "2001:db8:8000::1", "2001:db8:ffff::", "2001:db9:8000::"]],
  ["-8.8.8.8,-2606:4700::/32", ["8.8.8.8", "8.8.8.9", "64:ff9b::8.8.8.8", "2002:808:808::1", "2606:4700::1111"]],
  ["-8.8.8.8,-2606:4700::/32", ["::ffff:8.8.8.8", "2606:4701::", "127.0.0.1", "::1"]],
  ["-0.0.0.0/0,+8.0.0.0/7", ["8.8.8.8", "9.9.9.9", "10.0.0.1", "::1", "::ffff:1.1.1.1", "2002:808:808::1"]],
  ["-::/0", ["8.8.8.8", "2606:4700::1111"]],
  ["-PRIVATE", ["127.0.0.1", "8.8.8.8"]],
  ["-10.1.2.3/8", ["10.255.0.1", "11.0.0.1"]],
];

const portOf = (address) => (isIPv6(address) ? `[${address}]:80` : `${address}:80`);
const refused = (step = "connect") => [
  ["events", `error a ERR_POLICY ${step} 0 retry never`, "disconnected a ERR_POLICY unsent 0 retry never"],
  ["wire", "close a abort"],
  ["state", "a", "closed"],
];

/** The same judgement at the three places where it is made. */
function judged(policy, address) {
  const allowed = isAllowed(policy, address);
  const literal = allowed
    ? [
        ["tcp-allowed", "l", address, 80, policy],
        ["wire", `open l tcp ${address} 80`],
        ["close", "l"],
        ["wire", "close l *"],
      ]
    : [["tcp-allowed", "l", address, 80, policy, "ERR_POLICY"], ["wire"]];
  return {
    name: `${policy}: ${address} is ${allowed ? "allowed" : "denied"}`,
    steps: [
      ...literal,
      ["tcp-allowed", "a", "h", 80, policy],
      ["wire", "open a tcp h 80"],
      ["check-address", "a", address, allowed ? 0 : "ERR_POLICY"],
      ["from", "a", portOf(address)],
      ["connected", "a"],
      ...(allowed ? [["events", "connected a"], ["wire"], ["state", "a", "open"]] : refused()),
    ],
  };
}

const BAD = [
  ...["", "private", "-", "+", "-private,", ",-private", "-x", "-10.0.0.0/33", "-10.0.0/8", "-10.0.0.0/", "-::/129"],
  ...["-10.0.0.0/8/8", "-10.0.0.0/a", "-10.0.0.0/0008", "-fe80::1%eth0", "-fe80::1%eth0/64", "- private", "-localhost"],
];

const ip = (name, ...steps) => ({ name, steps });

const OTHERS = [
  ...BAD.map((policy) =>
    ip(
      `no policy: ${JSON.stringify(policy)}`,
      ["tcp-allowed", "a", "h", 80, policy, "ERR_ARGUMENT"],
      ["ws-allowed", "b", "ws://h/", policy, "ERR_ARGUMENT"],
      ["wire"],
    ),
  ),
  ip(
    "arguments are those of a connection",
    ["tcp-allowed", "a", "", 80, "-private", "ERR_ARGUMENT"],
    ["tcp-allowed", "a", "h", 0, "-private", "ERR_PORT"],
    ["ws-allowed", "a", "http://h/", "-private", "ERR_URL"],
  ),
  ip(
    "the text pool bounds the rules",
    ["limit", "textPool", 256],
    ["tcp-allowed", "a", "h", 80, Array(20).fill("-10.0.0.0/8").join(","), "ERR_MEMORY"],
    ["tcp-allowed", "b", "h", 80, "-10.0.0.0/8"],
    ["wire", "open b tcp h 80"],
  ),
  ip(
    "literal addresses in a URL",
    ["ws-allowed", "a", "ws://127.0.0.1/", "-private", "ERR_POLICY"],
    ["ws-allowed", "a", "ws://[::1]:8080/", "-private", "ERR_POLICY"],
    ["ws-allowed", "a", "wss://[::ffff:10.0.0.1]/", "-private", "ERR_POLICY"],
    ["ws-allowed", "a", "ws://8.8.8.8/", "-private"],
    ["wire", "open a tcp 8.8.8.8 80"],
  ),
  ip(
    "a Unix socket is this machine",
    ["ws-allowed", "a", "ws+unix:/run/x:/", "+0.0.0.0/0,+::/0", "ERR_POLICY"],
    ["wire"],
  ),
  ip(
    "a WebSocket writes its request only to what is allowed",
    ["ws-allowed", "a", "ws://h/", "-private"],
    ["wire", "open a tcp h 80"],
    ["from", "a", "10.0.0.1:80"],
    ["connected", "a"],
    ["events", "error a ERR_POLICY connect 0 retry never", "disconnected a 1006 unsent 0 retry never"],
    ["wire", "close a abort"],
  ),
  ip(
    "a WebSocket to what is allowed",
    ["ws-allowed", "a", "ws://h/", "-private"],
    ["from", "a", "8.8.8.8:80"],
    ["handshake", "a"],
    ["events", "connected a"],
    ["whatever"],
  ),
  ip(
    "TLS begins only with what is allowed",
    ["tcp-allowed", "a", "h", 443, "-private"],
    ["tls", "a", 1],
    ["wire", "open a tcp h 443"],
    ["from", "a", "[::1]:443"],
    ["connected", "a"],
    ...refused(),
  ),
  ip(
    "TLS with what is allowed, by the name",
    ["tcp-allowed", "a", "h", 443, "-private"],
    ["tls", "a", 1],
    ["wire", "open a tcp h 443"],
    ["from", "a", "8.8.8.8:443"],
    ["connected", "a"],
    ["wire", "start-tls a"],
    ["secured", "a"],
    ["events", "connected a"],
  ),
  ip(
    "each attempt is checked",
    ["tcp-allowed", "a", "h", 80, "-private"],
    ["reconnect", "a", 1],
    ["from", "a", "8.8.8.8:80"],
    ["connected", "a"],
    ["events", "connected a"],
    ["wire", "open a tcp h 80"],
    ["closed", "a", "ERR_RESET"],
    ["events", "error a ERR_RESET receive 0 retry 1000", "disconnected a ERR_RESET unsent 0 retry 1000"],
    ["time", 1000],
    ["wire", "open a tcp h 80"],
    ["check-address", "a", "127.0.0.1", "ERR_POLICY"],
    ["from", "a", "127.0.0.1:80"],
    ["connected", "a"],
    ["events", "error a ERR_POLICY connect 0 retry 1000"],
    ["wire", "close a abort"],
  ),
  ip(
    "a peer whose address is not known is not allowed",
    ["tcp-allowed", "a", "h", 80, "-10.0.0.0/8"],
    ["wire", "open a tcp h 80"],
    ["from", "a", "somewhere"],
    ["connected", "a"],
    ...refused(),
  ),
  ip(
    "what is no address is not allowed",
    ["tcp-allowed", "a", "h", 80, "-10.0.0.0/8"],
    ["wire", "open a tcp h 80"],
    ["check-address", "a", "h", "ERR_POLICY"],
    ["check-address", "a", "", "ERR_POLICY"],
    ["check-address", "a", "0x7f.1", "ERR_POLICY"],
  ),
  ip(
    "without a policy every address is allowed",
    ["tcp", "a", "h", 80],
    ["check-address", "a", "127.0.0.1", 0],
    ["tcp-via", "b", "h", 80, "p", 3128, ""],
    ["check-address", "b", "127.0.0.1", 0],
    ["check-address", 77, "127.0.0.1", 0],
    ["wire", "open a tcp h 80", "open b tcp p 3128"],
  ),
  ip(
    "the host has no address that is allowed",
    ["tcp-allowed", "a", "h", 80, "-private"],
    ["wire", "open a tcp h 80"],
    ["closed", "a", "ERR_POLICY"],
    ["events", "error a ERR_POLICY connect 0 retry never", "disconnected a ERR_POLICY unsent 0 retry never"],
    ["state", "a", "closed"],
  ),
];

export const policy = () => ({
  suite: "policy",
  source: "RFC 6890; RFC 4291 2.5.5; RFC 6052 2; RFC 3056 2",
  cases: [...POLICIES.flatMap(([rules, addresses]) => addresses.map((address) => judged(rules, address))), ...OTHERS],
});
