// std/net.vv, the first example, by calls that wait: dial, and read text by a reader. Start it with a network and an address, for
// example
//   node build/tools/examples/sync/spec-004-client.js tcp 127.0.0.1:8080

import { dial as net } from "twinwire/sync";

const [network = "tcp", address = "127.0.0.1:8080"] = process.argv.slice(2);

const client = net.dial(network as net.Network, address);
try {
  const r = net.reader(client);
  const utf8 = new TextDecoder(); // a character may be split between two reads
  while (true) {
    const bytes = r.read(1024);
    if (bytes.length === 0) break;
    console.log(utf8.decode(bytes, { stream: true }));
  }
} finally {
  net.close(client);
}
