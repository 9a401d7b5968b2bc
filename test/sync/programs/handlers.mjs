// Handlers of `accept`: one that throws, two that wait inside each other, and what reports their errors.
import { http, dial as net, TwinwireError } from "twinwire/sync";

const text = (bytes) => new TextDecoder().decode(bytes);
const done = net.channel();

const failing = net.listen("tcp", "127.0.0.1:0");
net.accept(
  failing,
  () => {
    throw new Error("of the handler");
  },
  { onError: (error) => done.send(error.message) },
);
const one = net.dial("tcp", failing.addr());
console.log(done.recv(30_000), net.read(one, 10).length);
net.close(one);
net.close(failing);

// The handler of the second client runs while that of the first one waits.
const nested = net.listen("tcp", "127.0.0.1:0");
net.accept(nested, (conn) => {
  const name = text(net.read(conn, 10));
  net.write(conn, `hello ${name}`);
  if (name === "first") net.write(conn, ` and ${text(net.read(conn, 10))}`);
  net.close(conn);
  done.send(name);
});
console.log(nested.addr());
console.log(done.recv(30_000), done.recv(30_000));
net.close(nested);

// A request to a server of this thread: its handler runs while the response is awaited.
const web = net.listen("tcp", "127.0.0.1:0");
net.accept(web, (conn) => {
  const { method, path, body } = http.readRequest(conn);
  http.writeResponse(conn, { status: 201, headers: new Map([["x-base", "1"]]), body: { method, path, body } });
  net.close(conn);
});
const request = {
  method: "POST",
  url: `http://${web.addr()}/a`,
  headers: { base64: "QQ==" },
  body: { base64: "QQ==" },
};
const { status, headers, body } = http.request(request, { keepAlive: false });
console.log(status, headers["x-base"], JSON.stringify(body));
net.close(web);

try {
  net.accept(web, () => {}, { onerror: () => {} });
} catch (error) {
  console.log(error instanceof TwinwireError && error.message);
}
