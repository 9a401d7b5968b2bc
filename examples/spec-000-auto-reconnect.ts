// net, "Auto-Reconnect (TCP)" and "Address": a connection that comes back. Start it with a host and a port, for example
//   node build/tools/examples/spec-000-auto-reconnect.js 127.0.0.1 8080

import { defineEvent, net, on, runtime } from "twinwire/handles";

const [host = "192.168.1.10", port = "8080"] = process.argv.slice(2);

const NetConnected = defineEvent("NetConnected", { sock: "i32" });
const NetDisconnected = defineEvent("NetDisconnected", { sock: "i32" });

const sock = net.tcpConnect(host, Number(port));
net.setAutoReconnect(sock, true);
net.setReconnectDelays(sock, [1, 2, 5, 10, 30]);
net.on(sock, "connected", NetConnected);
net.on(sock, "disconnected", NetDisconnected);

on(NetConnected, (e) => {
  console.log(`connected: ${net.localAddr(e.sock)} to ${net.remoteAddr(e.sock)}`);
});

on(NetDisconnected, () => {
  console.log("disconnected — will reconnect");
});

runtime.keepAlive();
