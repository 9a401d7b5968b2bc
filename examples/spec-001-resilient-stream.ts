// ws, "Pattern: Resilient WebSocket Stream". Start it with the URL of a server that sends JSON, for example
//   node build/tools/examples/spec-001-resilient-stream.js ws://127.0.0.1:8080/sensors

import { defineEvent, on, runtime, ws } from "twinwire/handles";

const [url = "ws://192.168.1.10:8080/sensors"] = process.argv.slice(2);

const WsConnected = defineEvent("WsConnected", { conn: "i32" });
const WsDisconnected = defineEvent("WsDisconnected", { conn: "i32" });
const WsMessage = defineEvent("WsMessage", { message: "string" });

function main(): void {
  const conn = ws.open(url);
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, [1, 2, 5, 10, 30]);
  ws.on(conn, "connected", WsConnected);
  ws.on(conn, "disconnected", WsDisconnected);
  ws.on(conn, "message", WsMessage);

  on(WsConnected, () => {
    console.log("connected");
  });

  on(WsDisconnected, () => {
    console.log("disconnected — will reconnect");
  });

  on(WsMessage, (e) => {
    const data: { value: unknown } = JSON.parse(e.message);
    console.log(data.value);
  });

  runtime.keepAlive();
}

main();
