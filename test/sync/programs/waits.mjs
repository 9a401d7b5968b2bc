// What ends a call that waits: a deadline, a time limit, the peer. Arguments: the port of a peer that closes when it has read a line, and
// of one that is silent.
import { dial, http, resolve, TcpConnection, TcpServer, TwinwireError, UdpSocket } from "twinwire/sync";

const [closing, silent] = process.argv.slice(2).map(Number);

/** Prints the code of what a call throws, and whether it took as long as it had to. */
function fails(what, call, leastMs = 0) {
  const since = performance.now();
  try {
    call();
    console.log(what, "returned");
  } catch (error) {
    const late = performance.now() - since >= leastMs - 5 ? "" : " too early";
    console.log(what, error instanceof TwinwireError ? error.code : error, late === "" ? "" : late);
  }
}

const conn = new TcpConnection("127.0.0.1", silent);
/** Calls `call` with a deadline, which counts from before the call that sets it. */
const until = (it, ms, call) => () => {
  it.setDeadline(ms);
  call();
};
fails(
  "read",
  until(conn, 60, () => conn.read()),
  60,
);
fails("readExact", () => conn.readExact(5));
fails(
  "readLine",
  until(conn, 60, () => conn.readLine()),
  60,
);
dial.set_read_timeout(conn, 60);
fails("dial.read", () => dial.read(conn, 1), 60);
fails(
  "writeAll",
  until(conn, 100, () => conn.writeAll(new Uint8Array(64_000_000))),
  100,
);
conn.close();
fails("closed", () => conn.read());

const server = new TcpServer("127.0.0.1", 0);
fails("accept", () => server.accept({ timeoutMs: 60 }), 60);
server.close();
fails("accept closed", () => server.accept());
const socket = new UdpSocket("127.0.0.1");
fails("recvFrom", () => socket.recvFrom(10, { timeoutMs: 60 }), 60);
fails(
  "recvFrom deadline",
  until(socket, 60, () => socket.recvFrom()),
  60,
);
fails("http", () => http.request({ url: `http://127.0.0.1:${silent}/` }, { timeoutMs: 60 }), 60);
fails("resolve", () => resolve("twinwire.invalid", { timeoutMs: 20_000 }));
fails("refused", () => new TcpConnection("127.0.0.1", 1));
fails("option", () => new TcpConnection("127.0.0.1", silent, { timeoutms: 1 }));
fails("signal", () => new TcpConnection("127.0.0.1", silent, { signal: new AbortController().signal }));

const ended = new TcpConnection("127.0.0.1", closing);
ended.writeAll("go\n");
fails("the peer ends", () => ended.readExact(10));
