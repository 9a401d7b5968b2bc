// net, "Pattern: UDP echo round-trip". Start it with the address and the port of an echo server, for example
//   node build/tools/examples/spec-000-udp-echo.js 127.0.0.1 5000

import { defineEvent, net, on, runtime } from "twinwire/handles";

const [host = "127.0.0.1", port = "5000"] = process.argv.slice(2);

const NetDatagram = defineEvent("NetDatagram", { data: "string", addr: "string", port: "i32" });

function main(): void {
  const sock = net.udpOpen(0);
  net.on(sock, "datagram", NetDatagram);

  on(NetDatagram, (e) => {
    console.log(`echo: ${e.data}`);
    net.close(sock);
    runtime.exit();
  });

  net.udpSendTo(sock, host, Number(port), "hello");
  runtime.keepAlive();
}

main();
