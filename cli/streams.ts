/** `twinwire tcp`, `listen` and `udp`: stdin to a socket, the socket to stdout. */
import { type Conn, TcpConnection, TcpServer, TlsConnection, TlsServer, UdpSocket } from "../api/index.ts";
import { type Arguments, common, parseAddress, tls, UsageError } from "./arguments.ts";
import { aborted, type Command, Status } from "./command.ts";
import { jsonData, type Output } from "./output.ts";

function showBytes(bytes: Uint8Array, output: Output, more: Readonly<Record<string, unknown>> = {}): void {
  if (output.json) output.event({ event: "data", data: jsonData(bytes), ...more }, "");
  else output.data(bytes, false);
}

/** Copies stdin to the connection and the connection to stdout, until the peer ends; the end of stdin ends our half. */
async function converse(conn: Conn, output: Output, signal: AbortSignal): Promise<number> {
  signal.addEventListener("abort", () => conn.close(), { once: true });
  const sending = (async () => {
    for await (const chunk of process.stdin) await conn.writeAll(chunk as Buffer);
    await conn.closeWrite();
  })().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  /* A peer that resets is reported by the reading half. */
  sending.catch(() => undefined);
  try {
    for await (const chunk of conn) showBytes(chunk, output);
  } catch (error) {
    if (signal.aborted) return Status.INTERRUPTED;
    output.error(error);
    return Status.FAILED;
  } finally {
    conn.close();
    process.stdin.destroy();
  }
  output.event({ event: "close" }, "");
  return Status.OK;
}

export const tcp: Command = {
  summary: "connect stdin and stdout to a TCP or TLS server",
  usage: "tcp HOST:PORT  |  tcp unix:PATH",
  positionals: [1, 2],
  options: {
    tls: { short: "t", help: "use TLS" },
    "connect-timeout": { value: "SECONDS", help: "time limit for connecting. Default: 10" },
    ...tls,
    ...common,
  },
  examples: ["printf 'QUIT\\r\\n' | twinwire tcp mail.example.com:25", "twinwire tcp --tls example.com:443"],
  async run(args, output, signal) {
    const secure = args.has("tls");
    const tlsOptions = args.tls();
    const options = { signal, ...(tlsOptions === undefined ? {} : { tls: tlsOptions }) };
    const [first = ""] = args.positionals;
    const Type = secure ? TlsConnection : TcpConnection;
    const open = (): TcpConnection => {
      if (first.startsWith("unix:")) return Type.unix(first.slice(5), secure ? options : { signal });
      const { host, port } = parseAddress(args.positionals, "localhost");
      return secure ? new TlsConnection(host, port, options) : new TcpConnection(host, port, { signal });
    };
    if (tlsOptions !== undefined && !secure) throw new UsageError("TLS options need --tls");
    const conn = open();
    const timeout = args.milliseconds("connect-timeout");
    if (timeout !== undefined) conn.setDeadline(timeout);
    await conn.opened;
    conn.setDeadline(0);
    output.event({ event: "open", address: conn.remoteAddr(), tls: conn.tlsInfo }, "");
    return converse(conn, output, signal);
  },
};

export const listen: Command = {
  summary: "accept TCP or TLS connections: one after the other, or echo",
  usage: "listen [HOST:]PORT  |  listen unix:PATH",
  positionals: [1, 2],
  options: {
    echo: { help: "send received data back, to any number of clients" },
    keep: { short: "K", help: "after a connection, wait for the next" },
    ...Object.fromEntries(Object.entries(tls).filter(([name]) => ["cert", "key", "passphrase"].includes(name))),
    ...common,
  },
  examples: ["twinwire listen 7000 > received", "twinwire listen 8443 --echo --cert cert.pem --key key.pem"],
  async run(args, output, signal) {
    const tlsOptions = args.tls();
    const [first = ""] = args.positionals;
    const { host, port } = first.startsWith("unix:")
      ? { host: "", port: 0 }
      : parseAddress(args.positionals, "127.0.0.1");
    const path = first.startsWith("unix:") ? first.slice(5) : undefined;
    const open = (): TcpServer | TlsServer => {
      if (tlsOptions !== undefined)
        return path === undefined
          ? new TlsServer(host, port, { tls: tlsOptions })
          : TlsServer.unix(path, { tls: tlsOptions });
      return path === undefined ? new TcpServer(host, port) : TcpServer.unix(path);
    };
    const server = open();
    await server.opened;
    output.event({ event: "listening", address: server.addr() }, `listening on ${server.addr()}`, "green");
    signal.addEventListener("abort", () => server.close(), { once: true });
    let status: number = Status.OK;
    try {
      for await (const conn of server) {
        const from = conn.remoteAddr();
        output.event({ event: "open", from }, `${from} connected`, "green");
        if (args.has("echo")) void echo(conn, from, output);
        else {
          status = await converse(conn, output, signal);
          if (!args.has("keep")) break;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    server.close();
    return status;
  },
};

async function echo(conn: Conn, from: string, output: Output): Promise<void> {
  try {
    for await (const chunk of conn) await conn.writeAll(chunk);
    await conn.closeWrite();
  } catch (error) {
    output.error(error);
  } finally {
    conn.close();
    output.event({ event: "close", from }, `${from} closed`);
  }
}

export const udp: Command = {
  summary: "send stdin as datagrams and print what comes back, or listen",
  usage: "udp HOST:PORT  |  udp --listen [HOST:]PORT",
  positionals: [1, 2],
  options: {
    listen: { short: "l", help: "bind the address, and print what arrives" },
    echo: { help: "with --listen: send each datagram back" },
    broadcast: { help: "allow broadcast addresses" },
    group: { short: "g", value: "ADDRESS", multiple: true, help: "with --listen: join this multicast group" },
    wait: { short: "w", value: "SECONDS", help: "wait for answers after the end of stdin. Default: 1" },
    ...common,
  },
  examples: ["echo hello | twinwire udp 127.0.0.1:9999", "twinwire udp -l 9999 --echo"],
  run(args, output, signal) {
    return args.has("listen") ? udpListen(args, output, signal) : udpSend(args, output, signal);
  },
};

async function udpListen(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { host, port } = parseAddress(args.positionals, "127.0.0.1");
  const groups = args.list("group");
  const socket = new UdpSocket(host, port, groups.length === 0 ? {} : { reuseAddress: true });
  await socket.opened;
  for (const group of groups) socket.joinGroup(group);
  output.event({ event: "listening", address: socket.localAddr() }, `listening on ${socket.localAddr()}`, "green");
  signal.addEventListener("abort", () => socket.close(), { once: true });
  try {
    for await (const { data, address, host: from, port: fromPort } of socket) {
      showBytes(data, output, { from: address });
      if (args.has("echo")) await socket.sendTo(data, from, fromPort);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return Status.OK;
}

async function udpSend(args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const { host, port } = parseAddress(args.positionals, "localhost");
  const waitMs = args.milliseconds("wait") ?? 1000;
  const socket = new UdpSocket();
  await socket.opened;
  if (args.has("broadcast")) socket.setBroadcast(true);
  const receiving = (async () => {
    for await (const { data, address } of socket) showBytes(data, output, { from: address });
  })().catch(() => undefined); /* it was closed */
  /* Ctrl-C ends the loop over stdin, which may be waiting for a line. */
  signal.addEventListener("abort", () => process.stdin.destroy(), { once: true });
  try {
    for await (const chunk of process.stdin) await socket.sendTo(chunk as Buffer, host, port);
    await Promise.race([aborted(signal), new Promise((done) => setTimeout(done, waitMs))]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    socket.close();
    process.stdin.destroy();
  }
  await receiving;
  return Status.OK;
}
