import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** The peers that the documentation's programs talk to. */
export interface Peers {
  /** Where they listen, by the port that the documentation writes. */
  readonly ports: Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/**
 * Starts them: a WebSocket server (8080) with /sensors, /control and /echo, an echo over TCP (7000), one that reads TCP
 * slowly and sends nothing (7001), an echo over UDP (5000), an HTTP server that stores items (8000). Port 9000 is free: a
 * program serves there itself.
 */
export async function startPeers(): Promise<Peers> {
  const sockets = new Set<Socket>();
  const echo = createServer((socket) => {
    keep(sockets, socket);
    socket.pipe(socket);
  });
  const slow = createServer((socket) => {
    keep(sockets, socket);
    setTimeout(() => socket.resume(), 200);
  });
  const web = new WebSocketServer({ port: 0 });
  let connections = 0;
  web.on("connection", (client, { url }) => {
    if (url === "/sensors") stream(client, ++connections === 1);
    else
      client.on("message", (data, binary) => client.send(url === "/control" ? answer(String(data)) : data, { binary }));
  });
  const datagrams = createSocket("udp4");
  datagrams.on("message", (data, from) => datagrams.send(data, from.port, from.address));

  const items = createHttpServer(async (request, response) => {
    if (request.url === "/large") {
      response.end(Buffer.alloc(1_000_000));
      return;
    }
    let text = "";
    for await (const chunk of request) text += chunk;
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: 1, ...JSON.parse(text) }));
  });
  const free = createServer();

  echo.listen(0);
  slow.listen(0);
  items.listen(0);
  free.listen(0);
  datagrams.bind(0, "127.0.0.1");
  await Promise.all([echo, slow, web, datagrams, items, free].map((it) => once(it, "listening")));
  const freePort = (free.address() as AddressInfo).port;
  free.close();
  return {
    ports: {
      "8080": (web.address() as AddressInfo).port,
      "7000": (echo.address() as AddressInfo).port,
      "7001": (slow.address() as AddressInfo).port,
      "5000": datagrams.address().port,
      "8000": (items.address() as AddressInfo).port,
      "9000": freePort,
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      for (const client of web.clients) client.terminate();
      const all = [echo, slow, web, datagrams, items];
      const closed = all.map((it) => once(it, "close"));
      for (const it of all) it.close();
      items.closeAllConnections();
      await Promise.all(closed);
    },
  };
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
}

/** Readings of a sensor. The first connection breaks after two of them. */
function stream(client: WebSocket, breaks: boolean): void {
  let value = 210;
  const timer = setInterval(() => {
    client.send(JSON.stringify({ value: value++ / 10 }));
    if (breaks && value === 212) client.terminate();
  }, 50);
  client.on("close", () => clearInterval(timer));
}

function answer(command: string): string {
  const { cmd, id }: { cmd?: unknown; id?: unknown } = JSON.parse(command);
  return JSON.stringify({ status: cmd === "start" ? "started" : "unknown", id });
}
