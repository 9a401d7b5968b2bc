// A chat over WebSocket: a room for each path. Start it with an address and a port, for example
//   node build/tools/examples/chat-server.js 127.0.0.1 8080
// and talk to it with any client: the first message is a name, all others go to the room.

import { type ServerSocket, WebSocketServer } from "twinwire";

const [host = "127.0.0.1", port = "0"] = process.argv.slice(2);

const rooms = new Map<string, Set<ServerSocket>>();

const server = new WebSocketServer(host, Number(port), {
  maxMessage: 4096,
  maxBuffered: 262_144,
  heartbeat: { intervalMs: 20_000, timeoutMs: 10_000 },
  onRequest: () => ({ body: "Connect with a WebSocket: the path is the room.\n" }),
  onConnection: enter,
  onMessage: (socket, message) => {
    if (typeof message !== "string") socket.close(1003, "text only");
    else if (socket.data === undefined) introduce(socket, message.trim().slice(0, 32));
    else announce(socket.request.path, `${socket.data}: ${message}`, socket);
  },
});

function enter(socket: ServerSocket): void {
  const { path } = socket.request;
  const room = rooms.get(path) ?? new Set();
  rooms.set(path, room.add(socket));
  socket.send("Who are you?");
  socket.closed.then(() => {
    room.delete(socket);
    if (room.size === 0) rooms.delete(path);
    if (socket.data !== undefined) announce(path, `* ${socket.data} left`);
  });
}

function introduce(socket: ServerSocket, name: string): void {
  const { path } = socket.request;
  const others = [...(rooms.get(path) ?? [])].flatMap(({ data }) => (data === undefined ? [] : [String(data)]));
  if (name === "" || others.includes(name)) {
    socket.send("Somebody has that name. Who are you?");
    return;
  }
  socket.data = name;
  socket.send(`Hello ${name}. Here: ${others.join(", ") || "no one else"}`);
  announce(path, `* ${name} joined`, socket);
}

/** Says something to those of a room who have a name. */
function announce(path: string, text: string, except?: ServerSocket): void {
  const to = [...(rooms.get(path) ?? [])].filter(({ data }) => data !== undefined);
  server.broadcast(text, { to, except });
}

await server.opened;
console.log(`ws://${server.addr()}/`);

process.once("SIGTERM", () => server.close({ reason: "the server is going home", graceMs: 2_000 }));
