// std.net, "TcpStream", by calls that wait and do not throw. Start it with the address of an echo server, for example
//   node build/tools/examples/sync/spec-003-tcp-stream.js 127.0.0.1:7

import { result } from "twinwire/sync";

const { TcpStream } = result;
const [addr = "127.0.0.1:7"] = process.argv.slice(2);

const connected = TcpStream.connect(addr);
if (!connected.ok) {
  console.log(`error: ${connected.error}`);
} else {
  const stream = connected.value;
  console.log(stream.local_addr(), stream.peer_addr());

  const written = stream.write([104, 101, 108, 108, 111]);
  if (written.ok) console.log(`wrote ${written.value} bytes`);

  const got = stream.read(1024);
  if (got.ok) console.log(Array.from(got.value));

  // No more data has arrived, and a read in non-blocking mode does not wait.
  stream.set_nonblocking(true);
  console.log(stream.read(1024));
  stream.close();
  console.log(stream.peer_addr().ok);
}
