// ws, "Lifecycle Events". Start it with the URL of a WebSocket server, for example
//   node build/tools/examples/spec-001-lifecycle-events.js ws://127.0.0.1:8080/stream

import { defineEvent, on, runtime, ws } from "twinwire/handles";

const [url = "ws://192.168.1.10:8080/stream"] = process.argv.slice(2);

const WsConnected = defineEvent("WsConnected", { conn: "i32" });
const WsDisconnected = defineEvent("WsDisconnected", { conn: "i32" });
const WsMessage = defineEvent("WsMessage", { message: "string" });

const conn = ws.open(url);

ws.on(conn, "connected", WsConnected);
ws.on(conn, "disconnected", WsDisconnected);
ws.on(conn, "message", WsMessage);

on(WsConnected, () => {
  console.log("connected");
});

on(WsMessage, (e) => {
  console.log(e.message);
});

runtime.keepAlive();
