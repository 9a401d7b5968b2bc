// net, "Timeouts & Deadlines", by calls that wait. Start it with the host and the port of a server, and a deadline in milliseconds:
//   node build/tools/examples/sync/spec-002-deadlines.js localhost 5432 5000

import { TcpConnection, TwinwireError } from "twinwire/sync";

const [host = "localhost", port = "5432", ms = "5000"] = process.argv.slice(2);

const conn = new TcpConnection(host, Number(port));

// Set a deadline for all operations
conn.setDeadline(Number(ms));

try {
  console.log(new TextDecoder().decode(conn.read(1024)));
} catch (error) {
  if (!(error instanceof TwinwireError) || error.code !== "ERR_DEADLINE") throw error;
  console.log("too late");
}

// Or set separate read/write deadlines
conn.setReadDeadline(3000); // 3 seconds for reads
conn.setWriteDeadline(5000); // 5 seconds for writes
conn.writeAll("still here\n");
conn.close();
