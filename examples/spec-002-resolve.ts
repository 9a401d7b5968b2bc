// net, "DNS Resolution". Start it with a host name, for example
//   node build/tools/examples/spec-002-resolve.js localhost

import { resolve } from "twinwire";

const [host = "localhost"] = process.argv.slice(2);

const ip = await resolve(host);
console.log(ip); // "127.0.0.1"
