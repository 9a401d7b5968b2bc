// net, "STARTTLS Upgrade", with SMTP's handshake (RFC 3207), by calls that wait. Start it with the host and the port of a mail
// server:
//   node build/tools/examples/sync/spec-002-starttls.js mail.example.com 25

import { TcpConnection } from "twinwire/sync";

const [host = "mail.example.com", port = "25"] = process.argv.slice(2);

const conn = new TcpConnection(host, Number(port));

/** Reads an answer up to its last line: "250-SIZE" goes on, "250 HELP" does not. */
function answer(): string {
  const lines: string[] = [];
  do {
    const line = conn.readLine();
    if (line === undefined) throw new Error(`the server ended after ${JSON.stringify(lines)}`);
    lines.push(line);
  } while (!/^\d{3}(?!-)/.test(lines.at(-1) ?? ""));
  return lines.join("\n");
}

// ... initial handshake ...
console.log(answer());
conn.writeAll("EHLO client.example\r\n");
console.log(answer());
conn.writeAll("STARTTLS\r\n");
console.log(answer());
console.log(conn.isTLS()); // false

conn.upgradeToTLS(host);
console.log(conn.isTLS()); // true

// ... now all traffic is encrypted ...
conn.writeAll("QUIT\r\n");
console.log(answer());
conn.close();
