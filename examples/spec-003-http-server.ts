// std.net.http, the server's side: every request is answered by JSON. Start it with an address, for example
//   node build/tools/examples/spec-003-http-server.js 127.0.0.1:8080

import { http, TcpListener, type TcpStream, unwrap } from "twinwire/result";

const [addr = "127.0.0.1:8080"] = process.argv.slice(2);

const listener = unwrap(await TcpListener.bind(addr));
console.log(unwrap(listener.local_addr()));

while (true) {
  const accepted = await listener.accept();
  if (!accepted.ok) break;
  void serve(accepted.value);
}

async function serve(stream: TcpStream): Promise<void> {
  while (true) {
    const request = await http.read_request(stream);
    if (!request.ok) break;
    const { method, path, query, body } = request.value;
    const written = await http.write_response(stream, { status: 200, body: { method, path, query, body } });
    if (!written.ok) break;
  }
  stream.close();
}
