/** `twinwire doctor`: what this runtime has, shown by connections on loopback. */
import { limits, TcpConnection, TcpServer, UdpSocket, version, WebSocket, WebSocketServer } from "../api/index.ts";
import { defaultPort } from "../wasm/host.ts";
import { common } from "./arguments.ts";
import { type Command, Status } from "./command.ts";

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

async function tcpEcho(host: string): Promise<void> {
  /* Not "await using" for the two ends: each would wait until the other one is closed, too. */
  await using server = new TcpServer(host, 0);
  await server.opened;
  using conn = new TcpConnection(host, portOf(server.addr()));
  conn.setDeadline(3000);
  await conn.writeAll("twinwire");
  using peer = await server.accept();
  await peer.writeAll(await peer.readExact(8));
  await conn.readExact(8);
}

async function webSocketEcho(): Promise<void> {
  await using server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => socket.send(message) });
  await server.opened;
  await using client = new WebSocket(`ws://${server.addr()}/`, { openTimeoutMs: 3000, proxy: null });
  await client.opened;
  client.send("twinwire");
  for await (const message of client) if (message === "twinwire") return;
  throw new Error("the connection was closed");
}

async function udpEcho(): Promise<void> {
  await using one = new UdpSocket("127.0.0.1");
  await using other = new UdpSocket("127.0.0.1");
  await Promise.all([one.opened, other.opened]);
  other.setDeadline(3000);
  await one.sendTo("twinwire", "127.0.0.1", portOf(other.localAddr()));
  await other.recvFrom();
}

const checks: Readonly<Record<string, () => Promise<void>>> = {
  "TCP over IPv4": () => tcpEcho("127.0.0.1"),
  "TCP over IPv6": () => tcpEcho("::1"),
  UDP: udpEcho,
  WebSocket: webSocketEcho,
};

export const doctor: Command = {
  summary: "show versions and limits, and check networking on this machine",
  usage: "doctor",
  positionals: [0, 0],
  options: common,
  async run(_args, output) {
    const { versions, platform, arch } = process;
    const runtime = ["bun", "deno"].find((it) => it in versions) ?? "node";
    const facts = {
      twinwire: version,
      runtime: `${runtime} ${versions[runtime]}`,
      host: defaultPort().name,
      platform: `${platform} ${arch}`,
      deflate: defaultPort().deflate === undefined ? "no" : "yes",
      sockets: limits().sockets,
    };
    if (output.json) output.event({ event: "facts", ...facts }, "");
    else for (const [name, value] of Object.entries(facts)) output.data(`${name.padEnd(16)}${value}`, true);
    let failed = 0;
    for (const [name, check] of Object.entries(checks)) {
      const problem = await check().then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (problem !== undefined) failed++;
      if (output.json) output.event({ event: "check", name, ok: problem === undefined, problem }, "");
      else output.data(`${name.padEnd(16)}${problem ?? "works"}`, true);
    }
    return failed === 0 ? Status.OK : Status.FAILED;
  },
};
