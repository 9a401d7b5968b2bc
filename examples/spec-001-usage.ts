// ws, "Usage": connect, send a text, print the answer, close. Start it with the URL of an echo server, for example
//   node build/tools/examples/spec-001-usage.js ws://127.0.0.1:8080/

import { defineEvent, on, runtime, ws } from "twinwire/handles";

const [url = "ws://192.168.1.10:8080/"] = process.argv.slice(2);

const WsConnected = defineEvent("WsConnected", { conn: "i32" });
const WsDisconnected = defineEvent("WsDisconnected", { conn: "i32" });
const WsMessage = defineEvent("WsMessage", { message: "string" });

const conn = ws.open(url);
ws.on(conn, "connected", WsConnected);
ws.on(conn, "disconnected", WsDisconnected);
ws.on(conn, "message", WsMessage);

on(WsConnected, (e) => {
  console.log(ws.state(e.conn));
  ws.send(e.conn, "hello");
});

on(WsMessage, (e) => {
  console.log(e.message);
  ws.close(conn);
});

on(WsDisconnected, () => {
  console.log(ws.state(conn));
  runtime.exit();
});

runtime.keepAlive();
