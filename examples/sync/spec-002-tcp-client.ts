// net, "TCP Client", by calls that wait. Start it with the host and the port of a server, for example
//   node build/tools/examples/sync/spec-002-tcp-client.js localhost 5432

import { TcpConnection } from "twinwire/sync";

const [host = "localhost", port = "5432"] = process.argv.slice(2);

const conn = new TcpConnection(host, Number(port));
console.log(conn.remoteAddr()); // "127.0.0.1:5432"

// Send data
conn.writeAll("HELLO\n");

// Receive data
const response = conn.read(1024);
console.log(new TextDecoder().decode(response));

conn.close();
