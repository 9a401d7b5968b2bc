/** node:net, with an echo that minds backpressure. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** Starts a server that echoes bytes; returns its port. */
export async function start(): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("data", (bytes) => {
      if (!socket.write(bytes)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
