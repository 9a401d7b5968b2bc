/** TCP and UDP in a process of its own: both send back what they get. Plain node:net and node:dgram. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { lies, post } from "./peer-side.ts";

const tcp = createServer({ noDelay: true }, (client) => {
  client.on("data", (data) => client.write(lies("tcp") ? spoiled(data) : data));
  client.on("error", () => client.destroy());
});
tcp.listen(0, "127.0.0.1");

const udp = createSocket("udp4");
udp.on("message", (data, from) => udp.send(lies("udp") ? spoiled(data) : data, from.port, from.address));
udp.bind(0, "127.0.0.1");

await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
post({ kind: "ready", ports: [(tcp.address() as AddressInfo).port, udp.address().port] });

function spoiled(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}
