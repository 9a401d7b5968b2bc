// net, "Events": a TCP client. Start it with the host and the port of a server, for example
//   node build/tools/examples/spec-000-usage.js 127.0.0.1 8080

import { defineEvent, net, on, runtime } from "twinwire/handles";

const [host = "192.168.1.10", port = "8080"] = process.argv.slice(2);

const NetConnected = defineEvent("NetConnected", { sock: "i32" });
const NetData = defineEvent("NetData", { data: "string" });

const sock = net.tcpConnect(host, Number(port));
net.on(sock, "connected", NetConnected);
net.on(sock, "data", NetData);

on(NetConnected, (e) => {
  net.send(e.sock, "ping");
});

on(NetData, (e) => {
  console.log(`recv: ${e.data}`);
});

runtime.keepAlive();
