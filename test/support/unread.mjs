// Clients that send and never read: node unread.mjs PORT KIND COUNT BYTES. Each opens a connection, sends what makes the
// server answer until BYTES are sent or the server takes no more, and stays. Prints "blocked" when none gets on.
import { connect } from "node:net";

const [port, kind, count, bytes] = process.argv.slice(2).map((it, index) => (index === 1 ? it : Number(it)));
const AT_ONCE = 50;
const QUIET_MS = 300;

const mask = [0, 0, 0, 0];
const ping = Buffer.concat([Buffer.from([0x89, 0xfd, ...mask]), Buffer.alloc(125, 1)]);
const message = Buffer.from([0x81, 0x84, ...mask, 0x6d, 0x6f, 0x72, 0x65]);
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const upgrade =
  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const unit = { pings: ping, messages: message, requests: Buffer.from(get("/")), answers: Buffer.from(get("/large")) }[
  kind
];
const block = Buffer.concat(Array.from({ length: Math.max(1, Math.floor(16_384 / unit.length)) }, () => unit));
const isWebSocket = kind === "pings" || kind === "messages";

let movedAt = Date.now();
let open = 0;

function flood(socket) {
  let left = bytes;
  const go = () => {
    movedAt = Date.now();
    while (left > 0) {
      left -= block.length;
      if (!socket.write(left >= 0 ? block : block.subarray(0, Math.max(unit.length, block.length + left)))) break;
    }
    if (left > 0) socket.once("drain", go);
  };
  go();
}

function client() {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.on("connect", () => {
      open += 1;
      if (!isWebSocket) {
        socket.pause();
        flood(socket);
        resolve();
        return;
      }
      socket.write(upgrade);
      socket.once("data", () => {
        socket.pause();
        flood(socket);
        resolve();
      });
    });
  });
}

for (let made = 0; made < count; made += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, client));
}
console.log(`open ${open}`);
const timer = setInterval(() => {
  if (Date.now() - movedAt < QUIET_MS) return;
  console.log("blocked");
  clearInterval(timer);
}, 50);
setInterval(() => {}, 1000);
