// std.net.http, the server's side, by calls that wait: every request is answered by JSON, each client by a thread. Start it with an
// address, for example
//   node build/tools/examples/sync/spec-003-http-server.js 127.0.0.1:8080

import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Conn, result } from "twinwire/sync";

const { http, TcpListener, TcpStream, unwrap } = result;
const [addr = "127.0.0.1:8080"] = process.argv.slice(2);

function main(): void {
  const listener = unwrap(TcpListener.bind(addr));
  console.log(unwrap(listener.local_addr()));

  while (true) {
    const accepted = listener.accept();
    if (!accepted.ok) break;
    new Worker(new URL(import.meta.url), { workerData: accepted.value.conn.share() });
  }
}

function serve(stream: result.TcpStream): void {
  while (true) {
    const request = http.read_request(stream);
    if (!request.ok) break;
    const { method, path, query, body } = request.value;
    const written = http.write_response(stream, { status: 200, body: { method, path, query, body } });
    if (!written.ok) break;
  }
  stream.close();
}

if (isMainThread) main();
else serve(new TcpStream(Conn.from(workerData)));
