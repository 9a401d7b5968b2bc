// Data both ways, through an echo server whose port is the argument.
import { createHash } from "node:crypto";
import { Conn, TcpConnection } from "twinwire/sync";

const [port] = process.argv.slice(2).map(Number);
const conn = new TcpConnection("127.0.0.1", port);
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");

for (const size of [0, 1, 65_535, 65_536, 65_537, 1_000_000]) {
  const bytes = new Uint8Array(size).map((_, at) => (at * 7 + size) & 255);
  conn.writeAll(bytes);
  const echo = conn.readExact(size);
  console.log(size, sha(echo) === sha(bytes));
}
conn.writeAll("Grüße, 東京\r\nrest|");
console.log(conn.readLine(), new TextDecoder().decode(conn.readUntil("|")));

// Another view of the same connection, as another thread would have it.
const other = Conn.from(conn.share());
other.writeAll("shared");
console.log(new TextDecoder().decode(conn.readExact(6)), other.remoteAddr() === conn.remoteAddr());

// The bytes are the caller's to keep.
conn.writeAll("one");
const one = conn.readExact(3);
conn.writeAll("two");
conn.readExact(3);
console.log(new TextDecoder().decode(one));
conn.closeWrite();
console.log(conn.read().length, conn.read().length);
conn.close();
