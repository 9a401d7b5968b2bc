// std.net, "UdpSocket", by calls that wait: queries a server on this machine and prints its answer. Start it with its address, for
// example
//   node build/tools/examples/sync/spec-003-udp-socket.js 127.0.0.1:5353

import { result } from "twinwire/sync";

const { UdpSocket, unwrap } = result;
const [addr = "127.0.0.1:5353"] = process.argv.slice(2);

const socket = unwrap(UdpSocket.bind("127.0.0.1:0"));
console.log(`bound to ${unwrap(socket.local_addr())}`);

const sent = socket.send_to([112, 105, 110, 103], addr);
if (!sent.ok) console.log(sent.error);

const [data, from] = unwrap(socket.recv_from(1500));
console.log(`${Array.from(data)} from ${from}`);
socket.close();
