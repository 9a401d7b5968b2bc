// net, "TLS Client", by calls that wait. Start it with the host and the port of an HTTPS server, for example
//   node build/tools/examples/sync/spec-002-tls-client.js example.com 443

import { TlsConnection } from "twinwire/sync";

const [host = "example.com", port = "443"] = process.argv.slice(2);

const conn = new TlsConnection(host, Number(port));
console.log(conn.isTLS()); // true

conn.writeAll(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

const response = conn.read(4096);
console.log(new TextDecoder().decode(response));
conn.close();
