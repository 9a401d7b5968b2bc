// ws, "Pattern: Event-driven Data Stream". Start it with the URL of a server that sends JSON, for example
//   node build/tools/examples/spec-001-data-stream.js ws://127.0.0.1:8080/sensors

import { defineEvent, on, runtime, ws } from "twinwire/handles";

const [url = "ws://192.168.1.10:8080/sensors"] = process.argv.slice(2);

const WsConnected = defineEvent("WsConnected", { conn: "i32" });
const WsMessage = defineEvent("WsMessage", { message: "string" });

function main(): void {
  const conn = ws.open(url);
  ws.on(conn, "connected", WsConnected);
  ws.on(conn, "message", WsMessage);

  on(WsConnected, () => {
    console.log("streaming");
  });

  on(WsMessage, (e) => {
    const data: { value: unknown } = JSON.parse(e.message);
    console.log(data.value);
  });

  runtime.keepAlive();
}

main();
