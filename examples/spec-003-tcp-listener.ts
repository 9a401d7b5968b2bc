// std.net, "TcpListener": a server that greets one client after the other. Start it with an address, for example
//   node build/tools/examples/spec-003-tcp-listener.js 127.0.0.1:0

import { TcpListener, unwrap } from "twinwire/result";

const [addr = "127.0.0.1:0"] = process.argv.slice(2);

const listener = unwrap(await TcpListener.bind(addr));
console.log(unwrap(listener.local_addr()));

while (true) {
  const accepted = await listener.accept();
  if (!accepted.ok) break;
  const stream = accepted.value;
  const name = await stream.read(64);
  const greeting = name.ok ? `hello, ${new TextDecoder().decode(name.value).trim()}\n` : "hello, whoever you are\n";
  await stream.write(new TextEncoder().encode(greeting));
  stream.close();
}
