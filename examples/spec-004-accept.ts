// std/net.vv, "accept": handlers that run beside the main program and send it their results through a channel. Start it with
// a network and an address, for example
//   node build/tools/examples/spec-004-accept.js tcp 127.0.0.1:0

import { TransformStream } from "node:stream/web";
import * as net from "twinwire/dial";

const [network = "tcp", address = "127.0.0.1:0"] = process.argv.slice(2);

const listener = await net.listen(network as "tcp" | "unix", address);
console.log(listener.addr());

// Safe pattern 1: a channel.
const channel = new TransformStream<string, string>(undefined, undefined, { highWaterMark: 16 });
const send = channel.writable.getWriter();

// Safe pattern 2 is a mutex. Here it takes none: handlers share one thread, and nothing else runs between two awaits.
let counter = 0;

net.accept(listener, async (conn) => {
  counter = counter + 1;
  const line = new TextDecoder().decode(await net.read(conn, 1024)).trim();
  await net.write(conn, `you are number ${counter}\n`);
  net.close(conn);
  await send.write(line);
});

// The main program goes on while connections are accepted.
for await (const line of channel.readable) {
  console.log(`received: ${line}`);
  if (line === "stop") break;
}
net.close(listener);
console.log(`${counter} connections`);
