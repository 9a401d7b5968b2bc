// ws, "Auto-Reconnect". Start it with the URL of a WebSocket server, for example
//   node build/tools/examples/spec-001-auto-reconnect.js ws://127.0.0.1:8080/stream

import { runtime, ws } from "twinwire/handles";

const [url = "ws://192.168.1.10:8080/stream"] = process.argv.slice(2);

const conn = ws.open(url);
ws.setAutoReconnect(conn, true);
ws.setReconnectDelays(conn, [1, 2, 5, 10, 30]);

runtime.keepAlive();
