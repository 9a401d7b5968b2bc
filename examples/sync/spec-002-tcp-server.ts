// net, "TCP Server", by calls that wait: answers each client with OK. Start it with an address and a port, for example
//   node build/tools/examples/sync/spec-002-tcp-server.js 0.0.0.0 8080

import { type TcpConnection, TcpServer } from "twinwire/sync";

const [host = "0.0.0.0", port = "8080"] = process.argv.slice(2);

const server = new TcpServer(host, Number(port));
console.log(`Listening on ${server.addr()}`);

// Accept connections in a loop
while (true) {
  const client: TcpConnection = server.accept();
  console.log(`New connection from ${client.remoteAddr()}`);

  // Handle request
  const data = client.read(1024);
  console.log(`Received: ${new TextDecoder().decode(data)}`);

  // Send response
  client.writeAll("OK\n");
  client.close();
}
