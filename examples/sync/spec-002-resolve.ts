// net, "DNS Resolution", by a call that waits. Start it with a host name, for example
//   node build/tools/examples/sync/spec-002-resolve.js localhost

import { resolve } from "twinwire/sync";

const [host = "localhost"] = process.argv.slice(2);

const ip = resolve(host);
console.log(ip); // "127.0.0.1"
