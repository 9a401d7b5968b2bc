// socket.io and engine.io: their servers, and their clients' WebSocket transport.
const { createServer } = require("node:http");
const { Socket: EngineSocket } = require("engine.io-client");
const { Server } = require("socket.io");
const { io } = require("socket.io-client");
const ws = require("ws");
const { listen, next, play } = require("./role.cjs");

play({
  async server() {
    const http = createServer();
    const server = new Server(http, { wsEngine: ws.Server, perMessageDeflate: { threshold: 1024 } });
    server.use((socket, go) => go(socket.handshake.auth.secret === "no" ? new Error("not you") : undefined));
    server.on("connection", (socket) => {
      socket.join("room");
      socket.on("shout", (text, bytes, told) => {
        server.to("room").emit("heard", text, bytes);
        told(socket.conn.transport.name);
      });
      socket.on("out", () => socket.disconnect(true));
    });
    return listen(http);
  },
  async client(port) {
    const url = `http://127.0.0.1:${port}`;
    const first = io(url, { transports: ["websocket"], forceNew: true });
    const second = io(url, { transports: ["polling", "websocket"], forceNew: true });
    await Promise.all([next(first, "connect"), next(second, "connect")]);
    if (second.io.engine.transport.name !== "websocket") await next(second.io.engine, "upgrade");
    console.log(`transports ${first.io.engine.transport.name} ${second.io.engine.transport.name}`);
    for (const socket of [first, second]) {
      const heard = Promise.all([next(first, "heard"), next(second, "heard")]);
      const by = await socket.timeout(5000).emitWithAck("shout", "Grüße", Buffer.alloc(50_000, 9));
      const all = (await heard).map(([text, bytes]) => `${text} ${bytes.length} ${bytes[49_999]}`);
      console.log(`${by}: ${all.join(", ")}`);
    }
    const gone = next(first, "disconnect");
    first.emit("out");
    console.log(`disconnected ${(await gone)[0]}`);
    second.disconnect();
    const refused = io(url, { transports: ["websocket"], forceNew: true, auth: { secret: "no" } });
    console.log(`refused ${(await next(refused, "connect_error"))[0].message}`);
    refused.disconnect();
    const engine = new EngineSocket(url, { path: "/socket.io/", transports: ["websocket"] });
    await next(engine, "open");
    console.log(`engine ${engine.transport.name} ${engine.transport.ws instanceof ws.WebSocket || "its own ws"}`);
    const closed = next(engine, "close");
    engine.close();
    console.log(`closed ${(await closed)[0]}`);
  },
});
