// MQTT over WebSocket: npm's mqtt, and aedes as the broker.
const { createServer } = require("node:http");
const mqtt = require("mqtt");
const { createWebSocketStream, WebSocketServer } = require("ws");
const { listen, next, play } = require("./role.cjs");

play({
  async server() {
    const { Aedes } = await import("aedes");
    const broker = await Aedes.createBroker();
    const http = createServer();
    const server = new WebSocketServer({ server: http });
    server.on("connection", (ws, request) => broker.handle(createWebSocketStream(ws), request));
    return listen(http);
  },
  async client(port) {
    const client = mqtt.connect(`ws://127.0.0.1:${port}`, { reconnectPeriod: 0 });
    client.on("error", (error) => console.log(`error ${error.message}`));
    await next(client, "connect");
    console.log(`protocol ${client.stream.socket?.protocol ?? "mqtt"}`);
    await client.subscribeAsync("sensors/#", { qos: 2 });
    for (const qos of [0, 1, 2]) {
      const message = next(client, "message");
      await client.publishAsync(`sensors/${qos}`, `Wärme ${qos}`, { qos });
      const [topic, payload] = await message;
      console.log(`${topic} ${payload}`);
    }
    const large = next(client, "message");
    await client.publishAsync("sensors/large", Buffer.alloc(300_000, 7), { qos: 1 });
    const [, payload] = await large;
    console.log(`large ${payload.length} ${payload.every((byte) => byte === 7)}`);
    await client.endAsync();
    console.log("ended");
  },
});
