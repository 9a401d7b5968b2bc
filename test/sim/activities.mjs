// What the hosts of a life do: every API, with checks of what it promises.

import { checkPattern, ends, hold, PATIENCE_MS, pattern, settles } from "./lives.mjs";

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const upTo = (most) => Math.floor(Math.random() * (most + 1));
const pause = (most) => new Promise((resolve) => setTimeout(resolve, upTo(most)));

/** A simulated handshake checks no certificate; only the form has to be right. */
const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

/** Text of a message: its number, and bytes that say where they belong. */
function message(id, number, size) {
  return `${id}:${number}:${Array.from(pattern(id, number, size), (byte) => String.fromCharCode(33 + (byte % 90))).join("")}`;
}

function readMessage(id, text, where) {
  const [sender, number, rest] = text.split(":", 2).concat(text.slice(text.indexOf(":", text.indexOf(":") + 1) + 1));
  hold(Number(sender) === id, `${where}: a message of ${sender} on the connection of ${id}`);
  const expected = message(id, Number(number), rest.length);
  hold(text === expected, `${where}: message ${number} of ${id} is not whole`);
  return Number(number);
}

/** TCP or TLS: an echo of a stream of any length, read and written at the same time. */
export async function streams({ net, server, clients, stop }) {
  const tls = Math.random() < 0.3;
  const credentials = { tls: { cert: PEM, key: PEM } };
  const listener = tls ? new server.TlsServer("", 7, credentials) : new server.TcpServer("", 7);
  stop.push(async () => listener.close());
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  server.run(async () => {
    for await (const conn of listener) echo(conn);
  });
  const lossless = !net.options.earlyEnd;
  const one = async (id) => {
    await pause(3_000);
    const host = pick(clients);
    const conn = tls ? new host.TlsConnection("server", 7) : new host.TcpConnection("server", 7);
    const total = upTo(60_000);
    let sent = 0;
    let received = 0;
    const write = async () => {
      while (sent < total) {
        const chunk = pattern(id, sent, Math.min(total - sent, 1 + upTo(9_000)));
        await conn.writeAll(chunk);
        sent += chunk.length;
        if (Math.random() < 0.3) await pause(200);
      }
      await conn.closeWrite();
    };
    const read = async () => {
      for (;;) {
        const data = await conn.read(1 + upTo(5_000));
        if (data.length === 0) return;
        checkPattern(id, received, data, "echo");
        received += data.length;
        hold(received <= total, `echo: ${received} bytes of ${total} that were sent`);
      }
    };
    conn.setDeadline(PATIENCE_MS / 2);
    const [, end] = await Promise.all([
      settles(host.run(write), PATIENCE_MS, "writing"),
      settles(host.run(read), PATIENCE_MS, "reading"),
    ]);
    /* A connection that finds the server's table full is accepted and closed. */
    if (end.error === undefined && lossless && received > 0) {
      hold(received === total, `echo: a clean end after ${received} of ${total} bytes`);
    }
    conn.close();
    await ends(conn.closed, PATIENCE_MS, "closed");
  };
  await Promise.all(Array.from({ length: 1 + upTo(4) }, (_, index) => one(index + 1)));
}

async function echo(conn) {
  try {
    conn.setDeadline(PATIENCE_MS / 2);
    for (let data = await conn.read(4_096); data.length > 0; data = await conn.read(4_096)) await conn.writeAll(data);
  } catch (error) {
    hold(typeof error?.code === "string", `the echo server: ${error?.stack}`);
    conn.abort?.();
  }
  conn.close();
}

/** WebSockets: numbered messages, which arrive whole, once and in order. */
export async function webSockets({ server, clients, stop }) {
  const seen = new Map();
  let open = 0;
  const listener = new server.WebSocketServer("", 80, {
    heartbeat: Math.random() < 0.5 ? { intervalMs: 10_000, timeoutMs: 10_000 } : undefined,
    onConnection: (socket) => {
      open++;
      socket.data = { id: Number(socket.request.path.slice(1)), last: -1 };
      socket.closed.then(() => open--);
    },
    onMessage: (socket, text) => {
      const { data } = socket;
      const number = readMessage(data.id, text, "the WebSocket server");
      hold(number > (seen.get(data.id) ?? -1), `message ${number} of ${data.id} after ${seen.get(data.id)}`);
      hold(data.last === -1 || number === data.last + 1, `message ${number} after ${data.last} on one connection`);
      data.last = number;
      seen.set(data.id, number);
      try {
        socket.send(text);
      } catch (error) {
        hold(/^ERR_/.test(error?.code), `ServerSocket.send: ${error?.stack}`);
      }
    },
    onError: (error) => hold(/^ERR_/.test(error?.code), `WebSocketServer: ${error?.stack}`),
  });
  stop.push(async () => {
    await ends(listener.close(), PATIENCE_MS, "WebSocketServer.close");
    hold(open === 0, `${open} clients are left after WebSocketServer.close`);
  });
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const one = async (id) => {
    await pause(3_000);
    const host = pick(clients);
    const reconnect = Math.random() < 0.5;
    const socket = new host.WebSocket(`ws://server/${id}`, {
      reconnect,
      queue: Math.random() < 0.3 ? { maxBytes: 20_000 } : undefined,
      heartbeat: reconnect ? { intervalMs: 8_000, timeoutMs: 8_000 } : undefined,
    });
    let last = -1;
    let ended = false;
    socket.onmessage = ({ data }) => {
      hold(!ended, "a message after the last event");
      const number = readMessage(id, data, "the WebSocket client");
      hold(number > last, `echo ${number} after ${last}`);
      last = number;
    };
    socket.onerror = () => hold(!ended, "an error event after the last event");
    const first = await settles(socket.opened, PATIENCE_MS, "WebSocket.opened");
    let sent = 0;
    const count = upTo(20);
    while (first.error === undefined && sent < count && socket.readyState === 1) {
      socket.send(message(id, sent, upTo(3_000)));
      sent++;
      await pause(400);
    }
    await pause(5_000);
    const wasOpen = socket.readyState === 1;
    socket.close(1000);
    const info = await ends(socket.closed, PATIENCE_MS, "WebSocket.closed");
    ended = true;
    hold(socket.readyState === 3, `readyState ${socket.readyState} once it is closed`);
    hold(socket.bufferedAmount >= 0, `bufferedAmount ${socket.bufferedAmount}`);
    if (wasOpen && info.wasClean && info.code === 1000 && !reconnect && sent > 0) {
      hold(seen.get(id) === sent - 1, `a clean close, and the server has ${seen.get(id)} of ${sent - 1}`);
    }
  };
  await Promise.all(Array.from({ length: 1 + upTo(5) }, (_, index) => one(index + 1)));
}

/** HTTP: each response belongs to its request. */
export async function requests({ net, server, clients, stop }) {
  const listener = new server.TcpServer("", 8080);
  stop.push(async () => listener.close());
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const serving = server.http.serve(
    listener,
    async (request) => {
      const json = await request.body.json();
      if (Math.random() < 0.3) await pause(500);
      return { headers: { "x-path": request.path }, json };
    },
    { onError: (error) => hold(/^ERR_/.test(error?.code), `http.serve: ${error?.stack}`) },
  );
  stop.push(() => ends(serving.close({ graceMs: 1_000 }), PATIENCE_MS, "HttpServer.close"));
  const one = async (id) => {
    await pause(2_000);
    for (let number = 0; number < 5; number++) {
      const text = message(id, number, upTo(12_000));
      const path = `/${id}/${number}`;
      const { value, error } = await settles(
        pick(clients).http.request({ method: "POST", url: `http://server:8080${path}`, body: { text } }),
        PATIENCE_MS,
        "http.request",
      );
      if (error !== undefined || value.status !== 200) continue;
      hold(value.headers["x-path"] === path, `the response to ${value.headers["x-path"]} for ${path}`);
      if (!net.options.earlyEnd) hold(value.body?.text === text, `the body of ${path} is not what was sent`);
    }
  };
  await Promise.all(Array.from({ length: 1 + upTo(3) }, (_, index) => one(index + 1)));
}

/** Handles: events in their order, refused sends that change nothing. */
export async function handles({ server, clients, stop }) {
  const listening = server.handles.net.tcpListen("0.0.0.0", 9);
  if (listening < 0) return;
  stop.push(async () => void server.handles.net.close(listening));
  server.handles.net.on(listening, "accepted", ({ sock }) => {
    const { net } = server.handles;
    net.on(sock, "data", (_, { bytes }) => {
      if (net.send(sock, bytes) < 0) net.close(sock);
    });
    net.on(sock, "disconnected", () => net.close(sock));
  });
  const one = async (id) => {
    await pause(2_000);
    const { net, lastError } = pick(clients).handles;
    const reconnecting = Math.random() < 0.3;
    const sock = net.tcpConnect("server", 9);
    if (sock < 0) {
      hold(/^ERR_/.test(lastError()?.code), "tcpConnect returned -1 without an error");
      return;
    }
    if (reconnecting) {
      net.setAutoReconnect(sock, true);
      net.setReconnectDelays(sock, [0.5, 2]);
    }
    const events = [];
    let sent = 0;
    let received = 0;
    let over = false;
    let closed = false;
    const send = () => {
      for (let count = 0; count < 4 && sent < 30_000 && !over; count++) {
        const chunk = pattern(id, sent, 1 + upTo(6_000));
        const before = net.bufferedAmount(sock);
        const result = net.send(sock, chunk);
        hold(result === -1 || result === chunk.length, `send returned ${result} for ${chunk.length} bytes`);
        if (result < 0) {
          hold(/^ERR_/.test(lastError()?.code), "send returned -1 without an error");
          hold(net.bufferedAmount(sock) === before, "a refused send changed what is buffered");
          return;
        }
        sent += chunk.length;
      }
    };
    await ends(
      new Promise((resolve) => {
        const event = (name, act) =>
          net.on(sock, name, (given, context) => {
            hold(
              !over || (closed && name === "disconnected"),
              `${name} after the last event of ${sock}: ${events.join(" ")}`,
            );
            events.push(name);
            act?.(given, context);
          });
        event("connected", () => {
          sent = 0;
          received = 0;
          send();
        });
        event("drain", send);
        event("data", (_, { bytes }) => {
          hold(events.includes("connected"), "data before connected");
          checkPattern(id, received, bytes, "handles");
          received += bytes.length;
          hold(received <= sent, `handles: ${received} bytes of ${sent}`);
        });
        event("error", ({ message }) => {
          hold(/^ERR_/.test(message), `an error event: ${message}`);
          if (!closed && Math.random() < 0.2) closed = net.close(sock) === 0;
        });
        event("disconnected", ({ unsent, retryMs }) => {
          hold(!closed || retryMs < 0, "disconnected announces another attempt of a handle that was closed");
          hold(unsent >= 0 && unsent <= sent, `${unsent} bytes unsent of ${sent}`);
          if (retryMs < 0) {
            over = true;
            resolve();
          }
        });
        setTimeout(() => {
          closed ||= net.close(sock) === 0;
          over = true;
          resolve();
        }, 20_000);
      }),
      PATIENCE_MS,
      "disconnected",
    );
    if (!closed) net.close(sock);
    over = true;
  };
  await Promise.all(Array.from({ length: 1 + upTo(3) }, (_, index) => one(index + 1)));
}

/** UDP: datagrams are whole, and no more of them than the network makes. */
export async function datagrams({ server, clients, stop }) {
  const { net } = server.handles;
  const bound = net.udpOpen(53);
  if (bound < 0) return;
  stop.push(async () => void net.close(bound));
  let sent = 0;
  let received = 0;
  net.on(bound, "datagram", (_, { bytes }) => {
    received++;
    hold(received <= 2 * sent, `${received} datagrams of ${sent}`);
    if (bytes.length > 0) checkPattern(bytes[0], 1, bytes.subarray(1), "datagram");
  });
  const one = async (id) => {
    const host = pick(clients);
    const socket = new host.UdpSocket("", 0);
    for (let count = 0; count < 10; count++) {
      sent++;
      const data = Uint8Array.of(id, ...pattern(id, 1, upTo(1_400)));
      await settles(socket.sendTo(data, "server", 53), PATIENCE_MS, "sendTo");
      await pause(300);
    }
    socket.close();
  };
  await Promise.all(Array.from({ length: 1 + upTo(2) }, (_, index) => one(index + 1)));
}

export const activities = { streams, webSockets, requests, handles, datagrams };
