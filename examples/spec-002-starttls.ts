// net, "STARTTLS Upgrade", with SMTP's handshake (RFC 3207). Start it with the host and the port of a mail server:
//   node build/tools/examples/spec-002-starttls.js mail.example.com 25

import { TcpConnection } from "twinwire";

const [host = "mail.example.com", port = "25"] = process.argv.slice(2);

const conn = new TcpConnection(host, Number(port));

/** Reads an answer up to its last line: "250-SIZE" goes on, "250 HELP" does not. */
async function answer(): Promise<string> {
  let text = "";
  while (!/^\d{3} .*\r\n$/m.test(text)) {
    const chunk = await conn.read(4096);
    if (chunk.length === 0) throw new Error(`the server ended after ${JSON.stringify(text)}`);
    text += new TextDecoder().decode(chunk);
  }
  return text.trimEnd();
}

// ... initial handshake ...
console.log(await answer());
await conn.writeAll("EHLO client.example\r\n");
console.log(await answer());
await conn.writeAll("STARTTLS\r\n");
console.log(await answer());
console.log(conn.isTLS()); // false

await conn.upgradeToTLS(host);
console.log(conn.isTLS()); // true

// ... now all traffic is encrypted ...
await conn.writeAll("QUIT\r\n");
console.log(await answer());
conn.close();
