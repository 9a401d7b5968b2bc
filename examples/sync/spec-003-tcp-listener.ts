// std.net, "TcpListener", by calls that wait: a server that greets one client after the other. Start it with an address, for example
//   node build/tools/examples/sync/spec-003-tcp-listener.js 127.0.0.1:0

import { result } from "twinwire/sync";

const { TcpListener, unwrap } = result;
const [addr = "127.0.0.1:0"] = process.argv.slice(2);

const listener = unwrap(TcpListener.bind(addr));
console.log(unwrap(listener.local_addr()));

while (true) {
  const accepted = listener.accept();
  if (!accepted.ok) break;
  const stream = accepted.value;
  const name = stream.read(64);
  const greeting = name.ok ? `hello, ${new TextDecoder().decode(name.value).trim()}\n` : "hello, whoever you are\n";
  stream.write(new TextEncoder().encode(greeting));
  stream.close();
}
