// What runs inside workerd: one scenario for each request, against peers of the test.
import { http, TcpConnection, TcpServer, TlsConnection, UdpSocket, WebSocket } from "twinwire";
import { net } from "twinwire/handles";

const text = (bytes) => new TextDecoder().decode(bytes);

const scenarios = {
  async tcp(port) {
    const conn = new TcpConnection("127.0.0.1", port);
    await conn.writeAll("hello\n");
    const answer = text(await conn.readExact(6));
    const big = new Uint8Array(1_000_000).fill(7);
    const [, back] = await Promise.all([conn.writeAll(big), conn.readExact(big.length)]);
    await conn.closeWrite();
    const rest = await conn.read();
    conn.close();
    return { answer, same: back.every((it) => it === 7), end: rest.length };
  },

  async refused(port) {
    const conn = new TcpConnection("127.0.0.1", port);
    return conn.opened.then(
      () => "opened",
      (error) => error.code,
    );
  },

  async tls(port) {
    const conn = new TlsConnection("localhost", port);
    await conn.writeAll("secret");
    const answer = text(await conn.readExact(6));
    const secure = conn.isTLS();
    conn.close();
    return { answer, secure };
  },

  async startTls(port) {
    const conn = new TcpConnection("localhost", port);
    await conn.writeAll("STARTTLS\n");
    const go = text(await conn.readExact(3));
    await conn.upgradeToTLS("localhost");
    await conn.writeAll("inside");
    const answer = text(await conn.readExact(6));
    conn.close();
    return { go, answer };
  },

  async untrusted(port) {
    const conn = new TlsConnection("localhost", port);
    return conn.opened.then(
      () => "opened",
      (error) => error.code.startsWith("ERR_TLS"),
    );
  },

  async http(port) {
    const url = `http://127.0.0.1:${port}/item?x=1`;
    const { status, body } = await http.request({ method: "POST", url, body: { value: 21 } });
    return { status, body };
  },

  async webSocket(port) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/`);
    await ws.opened;
    ws.send("hello");
    const received = [];
    for await (const message of ws) {
      received.push(message);
      if (received.length === 2) break;
      ws.send("again");
    }
    ws.close(1000, "done");
    const { code, wasClean } = await ws.closed;
    return { received, code, wasClean };
  },

  async reconnect(port) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/drop`, { reconnect: [0.05] });
    const received = [];
    for await (const message of ws) {
      received.push(message);
      if (received.length === 2) break;
    }
    ws.close();
    return received;
  },

  handles(port) {
    return new Promise((resolve) => {
      const seen = [];
      const sock = net.tcpConnect("127.0.0.1", port);
      net.on(sock, "connected", () => net.send(sock, "ping\n"));
      net.on(sock, "data", ({ data }) => {
        seen.push(data);
        net.close(sock);
        resolve(seen);
      });
    });
  },

  async missing() {
    const code = (promise) =>
      promise.then(
        () => "opened",
        (error) => error.code,
      );
    const server = new TcpServer("127.0.0.1", 0);
    const udp = new UdpSocket();
    return [await code(server.opened), await code(udp.opened)];
  },
};

export default {
  async fetch(request) {
    const { name, port } = await request.json();
    try {
      return Response.json({ result: await scenarios[name](port) });
    } catch (error) {
      return Response.json({ error: `${error?.stack ?? error}\ncause: ${error?.cause?.stack ?? error?.cause}` });
    }
  },
};
