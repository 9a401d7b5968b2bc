// What programs and their peers do at the edges: callbacks that fail, clients that leave, bodies that are read late.

import { ends, hold, PATIENCE_MS, pattern, settles } from "./lives.mjs";

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const upTo = (most) => Math.floor(Math.random() * (most + 1));
const pause = (most) => new Promise((resolve) => setTimeout(resolve, upTo(most)));
const hasCode = (where) => (error) => hold(/^ERR_/.test(error?.code), `${where}: ${error?.stack}`);

/** A simulated handshake checks no certificate; only the form has to be right. */
const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

/** WebSockets whose callbacks fail now and then: each is a failed attempt, and the next one follows. */
export async function callbacks({ server, clients, stop }) {
  const listener = new server.WebSocketServer("", 81, {
    protocols: (offered) => (Math.random() < 0.3 ? "unknown" : offered[0]),
    onConnection: (socket) => void (Math.random() < 0.3 && socket.terminate()),
    onError: hasCode("the WebSocket server with callbacks"),
  });
  stop.push(() => ends(listener.close(), PATIENCE_MS, "WebSocketServer.close"));
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const one = async () => {
    await pause(2_000);
    const decisionFails = Math.random() < 0.3;
    let asked = false;
    const socket = new (pick(clients).WebSocket)("ws://server:81/", {
      protocols: ["chat"],
      headers: async () => {
        if (Math.random() < 0.4) throw new Error("no token");
        return { Authorization: "Bearer token" };
      },
      reconnect: {
        delays: [0.2, 1],
        shouldReconnect: () => {
          asked = true;
          if (decisionFails) throw new Error("no decision");
          return true;
        },
      },
    });
    socket.opened.catch(hasCode("WebSocket.opened"));
    let isClosed = false;
    socket.closed.then(() => {
      isClosed = true;
    });
    await pause(30_000);
    hold(!isClosed || decisionFails, "a WebSocket that reconnects has ended, and it was not closed");
    /* The callback has thrown in the event before, or the one that is running now. */
    if (asked && decisionFails) await ends(socket.closed, PATIENCE_MS, "closed, after a decision that failed");
    socket.close();
    await ends(socket.closed, PATIENCE_MS, "closed, with callbacks that fail");
    hold(socket.readyState === 3, `readyState ${socket.readyState} once it is closed`);
  };
  await Promise.all(Array.from({ length: 1 + upTo(2) }, one));
}

/** Clients that leave in the middle of a response without an end: its body is stopped. */
export async function departures({ net, server, clients, stop }) {
  let waiting = 0;
  const events = () => {
    let first = true;
    let over = false;
    waiting++;
    return {
      next: () => {
        if (!first) return new Promise(() => {});
        first = false;
        return Promise.resolve({ value: "data: hello\n\n", done: false });
      },
      return: () => {
        if (!over) waiting--;
        over = true;
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  };
  const listener = new server.TcpServer("", 8081);
  stop.push(async () => listener.close());
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const serving = server.http.serve(listener, () => ({ body: { [Symbol.asyncIterator]: events } }), {
    onError: hasCode("http.serve"),
  });
  stop.push(() => ends(serving.close({ graceMs: 1_000 }), PATIENCE_MS, "HttpServer.close"));
  const one = async () => {
    await pause(2_000);
    const left = new AbortController();
    const { value: response } = await settles(
      pick(clients).http.stream({ url: "http://server:8081/" }, { signal: left.signal, timeoutMs: 30_000 }),
      PATIENCE_MS,
      "http.stream",
    );
    if (response === undefined) return;
    const first = response.body[Symbol.asyncIterator]().next();
    await settles(first, PATIENCE_MS, "the first part");
    await pause(1_000);
    left.abort();
  };
  await Promise.all(Array.from({ length: 1 + upTo(2) }, one));
  /* Who falls silent is not missed before something is sent. */
  if (["silent", "blackHole", "callFailure"].some((fault) => fault in net.options)) return;
  for (let waited = 0; waiting > 0; waited += 1_000) {
    hold(waited < PATIENCE_MS, `${waiting} bodies still wait for clients that have left`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Several streamed requests at a time whose bodies are read late, and requests of older and worse clients. */
export async function streamed({ net, server, clients, stop }) {
  const listener = new server.TcpServer("", 8082);
  stop.push(async () => listener.close());
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const answer = async (request) => {
    if (request.path === "/json") return { json: await request.body.json() };
    if (request.path === "/early") await server.http.respond(request.conn, { status: 103, headers: { link: "</a>" } });
    return { body: await request.body.bytes() };
  };
  const serving = server.http.serve(listener, answer, { onError: hasCode("http.serve") });
  stop.push(() => ends(serving.close({ graceMs: 1_000 }), PATIENCE_MS, "HttpServer.close"));
  const ask = async (host, id, number) => {
    const isJson = Math.random() < 0.2;
    const sent = isJson ? new TextEncoder().encode("{ no json") : pattern(id, number, 1 + upTo(8_000));
    const { value: response, error } = await settles(
      host.http.stream({ method: "POST", url: `http://server:8082/${isJson ? "json" : id}`, body: sent }),
      PATIENCE_MS,
      "http.stream",
    );
    hold(error?.code !== "ERR_STATE", `http.stream: ${error?.stack}`);
    if (response === undefined) return;
    /* To an end in the middle of a request the answer is 400, too. */
    const statuses = isJson ? [400] : "earlyEnd" in net.options ? [200, 400] : [200];
    hold(statuses.includes(response.status), `status ${response.status}, not ${statuses.join(" or ")}`);
    if (response.status !== 200) return;
    await pause(300);
    const { value: got, error: late } = await settles(response.body.bytes(), PATIENCE_MS, "a body");
    hold(late?.code !== "ERR_STATE", `a body: ${late?.stack}`);
    const isSame = got?.length === sent.length && got.every((byte, at) => byte === sent[at]);
    hold(got === undefined || isSame, `the body of request ${number} of ${id} is another one`);
  };
  const one = async (id) => {
    await pause(2_000);
    const host = pick(clients);
    for (let number = 0; number < 4; number++)
      await Promise.all([ask(host, id, 2 * number), ask(host, id, 2 * number + 1)]);
  };
  const old = async () => {
    const conn = new (pick(clients).TcpConnection)("server", 8082);
    conn.setDeadline(PATIENCE_MS / 2);
    let text = "";
    const talk = async () => {
      await conn.writeAll("GET /early HTTP/1.0\r\nHost: server\r\n\r\n");
      for (let data = await conn.read(1_000); data.length > 0; data = await conn.read(1_000))
        text += new TextDecoder().decode(data);
    };
    await settles(talk(), PATIENCE_MS, "a client of HTTP/1.0");
    conn.close();
    hold(text.startsWith("HTTP/1.1 200".slice(0, text.length)), `to a client of HTTP/1.0: ${text.slice(0, 40)}`);
  };
  await Promise.all([...Array.from({ length: 1 + upTo(2) }, (_, index) => one(index + 1)), old()]);
}

/** HTTPS requests one after the other, each with options of its own that say the same: they share connections. */
export async function sharing({ server, third, stop }) {
  const listener = new server.TlsServer("", 8443, { tls: { cert: PEM, key: PEM } });
  stop.push(async () => listener.close());
  if ((await settles(listener.opened, PATIENCE_MS, "listening")).error) return;
  const serving = server.http.serve(listener, () => ({ body: "hello" }), { onError: hasCode("http.serve") });
  stop.push(() => ends(serving.close({ graceMs: 1_000 }), PATIENCE_MS, "HttpServer.close"));
  for (let number = 0; number < 8; number++) {
    await settles(
      third.http.request({ url: "https://server:8443/" }, { tls: { ca: PEM } }),
      PATIENCE_MS,
      "http.request with TLS",
    );
    hold(third.sockets <= 4, `${third.sockets} connections for requests one after the other`);
  }
}

export const edges = { callbacks, departures, streamed, sharing };
