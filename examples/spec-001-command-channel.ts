// ws, "Pattern: Command Channel". Start it with the URL of a server that answers JSON with JSON, for example
//   node build/tools/examples/spec-001-command-channel.js ws://127.0.0.1:9000/control

import { defineEvent, on, runtime, ws } from "twinwire/handles";

const [url = "ws://server:9000/control"] = process.argv.slice(2);

const WsConnected = defineEvent("WsConnected", { conn: "i32" });
const WsMessage = defineEvent("WsMessage", { message: "string" });

let gConn = -1;

function main(): void {
  gConn = ws.open(url);
  ws.on(gConn, "connected", WsConnected);
  ws.on(gConn, "message", WsMessage);

  on(WsConnected, () => {
    // send command once connected: the response arrives as event
    ws.send(gConn, JSON.stringify({ cmd: "start", id: 42 }));
  });

  on(WsMessage, (e) => {
    const resp: { status: unknown } = JSON.parse(e.message);
    console.log(resp.status);
  });

  runtime.keepAlive();
}

main();
