// std/net.vv, "accept", by calls that wait: handlers that run beside the main program and send it their results through a channel.
// Start it with a network and an address, for example
//   node build/tools/examples/sync/spec-004-accept.js tcp 127.0.0.1:0

import { dial as net } from "twinwire/sync";

const [network = "tcp", address = "127.0.0.1:0"] = process.argv.slice(2);

const listener = net.listen(network as "tcp" | "unix", address);
console.log(listener.addr());

// Safe pattern 1: a channel.
const channel = net.channel<string>();

// Safe pattern 2 is a mutex. Here it takes none: handlers run on this thread, while it waits.
let counter = 0;

net.accept(listener, (conn) => {
  counter = counter + 1;
  const line = new TextDecoder().decode(net.read(conn, 1024)).trim();
  net.write(conn, `you are number ${counter}\n`);
  net.close(conn);
  channel.send(line);
});

while (true) {
  const line = channel.recv(30_000);
  console.log(`received: ${line}`);
  if (line === "stop") break;
}
net.close(listener);
console.log(`${counter} connections`);
