// net, "Complete Example: Echo Server". Start it with an address and a port, for example
//   node build/tools/examples/spec-002-echo-server.js 0.0.0.0 9000

import { type TcpConnection, TcpServer } from "twinwire";

const [host = "0.0.0.0", port = "9000"] = process.argv.slice(2);

async function handleClient(client: TcpConnection): Promise<void> {
  console.log(`Client connected: ${client.remoteAddr()}`);
  while (true) {
    const data = await client.read(4096);
    if (data.length === 0) {
      console.log("Client disconnected");
      break;
    }
    // Echo back
    await client.writeAll(data);
  }
  client.close();
}

async function main(): Promise<void> {
  const server = new TcpServer(host, Number(port));
  await server.opened;
  console.log(`Echo server listening on ${server.addr()}`);

  while (true) {
    const client = await server.accept();
    // A client that fails ends its own conversation only.
    handleClient(client).catch((error: Error) => console.log(error.message));
  }
}

await main();
