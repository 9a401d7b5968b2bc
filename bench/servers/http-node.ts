/** node:http, as one would use it for the same: bodies are read only where there are some. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Starts a server that answers JSON by JSON; its port. */
export async function start(): Promise<number> {
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      answer(request, response, null);
      return;
    }
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => {
      text += part;
    });
    request.on("end", () => answer(request, response, JSON.parse(text)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function answer({ url = "" }: IncomingMessage, response: ServerResponse, body: unknown): void {
  const at = url.indexOf("?");
  const text = JSON.stringify({ path: at < 0 ? url : url.slice(0, at), body });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
