// net, "Complete Example: Simple HTTP Client", by calls that wait: HTTP by hand over TLS. Start it with a host, a path and a port:
//   node build/tools/examples/sync/spec-002-http-get.js example.com / 443

import { TlsConnection } from "twinwire/sync";

const [host = "example.com", path = "/", port = "443"] = process.argv.slice(2);

function httpGet(host: string, path: string): string {
  const conn = new TlsConnection(host, Number(port));
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  conn.writeAll(request);

  const decoder = new TextDecoder(); // a character may be split between two chunks
  let body = "";
  while (true) {
    const chunk = conn.read(4096);
    if (chunk.length === 0) {
      break;
    }
    body += decoder.decode(chunk, { stream: true });
  }
  conn.close();
  return body;
}

const response = httpGet(host, path);
console.log(response);
