// The tests in C that judge mutants of the sources in C, for each group of sources: how they are compiled, linked and called.

import { basename, dirname } from "node:path";
import { coreSources, includes, listFiles } from "../../wasm/build/project.mjs";
import { callSources, coreFuzzer, simSources } from "../parts-proof.mjs";

const include = (paths) => paths.map((path) => `-I${path}`);
const vectorTests = () => listFiles("test/c", ".c").filter((path) => !path.endsWith("_fuzz.c"));
const apiPaths = ["c/include", "c/src", "c/wait", "adapters/posix", "adapters/posix/include"];
const posix = () => [
  ...listFiles("c/src", ".c").filter((path) => !path.endsWith("/current.c")),
  ...listFiles("c/wait", ".c"),
  ...listFiles("adapters/posix", ".c").filter((path) => !/\/(tls_none|deflate_none|kqueue|poll)\.c$/.test(path)),
];
const wrapped =
  "socket accept4 connect recv recvmsg send sendmsg sendto getsockopt setsockopt epoll_ctl epoll_wait calloc";
const threads = ["-lssl", "-lcrypto", "-lz", "-pthread"];
const onPosix = (name, ...more) => ({
  name,
  sources: () => [...coreSources(), ...posix(), `test/posix/${name}.c`],
  link: [...threads, ...more],
  args: () => [],
});

/* `sanitize` makes a second kind of object files. */
export const sanitized = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** The files of vectors that are about a source come first: most of its mutants fail there. */
function vectorArgs(path = "") {
  const files = listFiles("test/vectors", ".json").filter((file) => !file.includes("/make/"));
  const topic = [
    [/proto\/ws/, /\/ws-/],
    [/http1/, /\/http/],
    [/tunnel/, /\/proxy/],
    [/dgram/, /\/udp/],
    [/listen|peers/, /\/(listen|address)/],
    [/tx|pool/, /\/(pool|tcp-back|ws-back)/],
  ].find(([source]) => source.test(path));
  const name = path.replace(/^.*\/|\.c$/g, "");
  const isFirst = (file) => file.includes(name) || topic?.[1].test(file) === true;
  return ["-x", ...files.filter(isFirst), ...files.filter((file) => !isFirst(file))];
}
const vectors = {
  name: "vectors",
  sources: () => [...coreSources(), ...vectorTests()],
  link: [],
  args: vectorArgs,
};
const simulation = { name: "sim-c", sources: simSources, link: [], args: () => ["--from", "1", "--count", "12"] };
const calls = { name: "calls", sources: callSources, link: [], args: () => [] };
const fuzz = {
  name: "fuzz",
  sources: () => [...coreSources(), ...coreFuzzer()],
  link: [],
  args: () => ["2000"],
};
const longer = [
  { ...simulation, name: "sim-c-sanitized", args: () => ["--from", "1000", "--count", "60"], sanitize: true },
  { ...fuzz, name: "fuzz-sanitized", args: () => ["6000"], sanitize: true },
  { ...vectors, name: "vectors-sanitized", sanitize: true },
];
const handles = {
  name: "handles",
  sources: () => [...coreSources(), ...listFiles("c/src", ".c"), ...listFiles("test/c-api", ".c")],
  link: [],
  args: () => [],
};
const systemTests = ["calls", "waiting", "web", "settings", "addresses", "lifecycle", "edges", "pool", "refusals"];
const onSystem = systemTests.map((name) => onPosix(name));
const faults = onPosix("faults", ...wrapped.split(" ").map((call) => `-Wl,--wrap=${call}`));

/* The suites of test/posix drive servers and clients by these programs, which are linked with the mutant. */
const driven = [
  ...["driver", "server"].map((name) => `test/posix/${name}.c`),
  ...["http-get", "line-client", "starttls"].map((name) => `examples/c/${name}.c`),
];
/** The suites that are about a source, or those for what everything uses; without a path all that may judge. */
function suitesOf(path) {
  const topics = [
    [/deflate/, ["deflate"]],
    [/respond|request|pipeline|exchange|server\.c|message|listeners/, ["server", "deflate", "calls"]],
    [/src\/ws/, ["ws", "vectors", "deflate"]],
    [/src\/(net|handles|deliver|policy|address_limits|texts)/, ["tcp", "udp", "ws", "server"]],
    [/posix\/(udp|options)/, ["udp", "tcp"]],
    [/posix\/tls/, ["tls", "calls"]],
    [/wait\/|resolve/, ["calls", "tcp"]],
  ];
  const shared = ["tcp", "ws", "tls", "udp", "server", "calls"];
  const every = [...new Set([...shared, ...topics.flatMap(([, names]) => names)])];
  const names = path === undefined ? every : (topics.find(([source]) => source.test(path))?.[1] ?? shared);
  return names.map((name) => `test/posix/${name}.test.ts`);
}
const suites = {
  name: "suites",
  sources: () => [...coreSources(), ...posix(), ...listFiles("test/posix/driver", ".c"), ...driven],
  mains: driven,
  link: threads,
  files: suitesOf,
  sanitize: true,
};

export const groups = {
  core: { sources: coreSources, programs: [calls, simulation, fuzz, vectors, ...longer] },
  api: { sources: () => listFiles("c/src", ".c"), programs: [handles, ...onSystem, suites] },
  posix: {
    sources: () => posix().filter((path) => !path.startsWith("c/src/")),
    programs: [...onSystem, faults, suites],
  },
};

/** What gcc needs to compile a source or a test, as what `kinds` of objects. */
export const flags = (path) => [
  ...["-std=c11", "-DTW_ASSERT", "-D_GNU_SOURCE", "-w", ...include(includes), ...include(apiPaths)],
  ...include(["test/c", "test/fuzz", "test/targets", "test/c-api"]),
  ...["-iquote", dirname(path)],
];
export const kinds = { plain: ["-O1"], sanitized, compared: ["-O2"] };

/** What is to be linked: { name, objects } for each program; `objectOf` says where the object of a source is. */
export function* linksOf(program, objectOf) {
  const mains = program.mains ?? [];
  const objects = program
    .sources()
    .filter((path) => !mains.includes(path))
    .map(objectOf);
  if (mains.length === 0) yield { name: program.name, objects };
  for (const main of mains) yield { name: basename(main, ".c"), objects: [...objects, objectOf(main)] };
}
