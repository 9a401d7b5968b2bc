/** The methods of a WebSocket: pause, ping, pong, resume, send, close, terminate. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { ServerOptions, WebSocket } from "ws";
import { atEnd } from "../../support/peers.ts";
import { until, within } from "../../support/wait.ts";
import {
  answering,
  type Cases,
  called,
  closed,
  event,
  failed,
  frame,
  http,
  type Library,
  open,
  pair,
  rawClient,
  refused,
  serve,
  shown,
  socketOf,
  thrown,
  urlOf,
} from "./kit.ts";

/** A client that never connects: nothing answers its look-up. */
function waiting(lib: Library): WebSocket {
  return open(lib, "ws://localhost", { lookup() {} } as object);
}

/** The cases of ping and of pong, which are the same. */
function control(how: "ping" | "pong"): Cases {
  const sends = async (lib: Library, send: (client: WebSocket) => unknown): Promise<unknown> => {
    const { client, peer } = await pair(lib);
    const log: unknown[] = [];
    peer.on(how, (data) => log.push(shown(data)));
    await send(client);
    await closed(peer);
    return log;
  };
  return {
    [`${how}: while connecting`]: (lib) => {
      const ws = waiting(lib);
      return [thrown(() => ws[how]()), thrown(() => (ws[how] as (done: () => void) => void)(() => {}))];
    },
    [`${how}: counts in bufferedAmount once it is closing`]: async (lib) => {
      const ws = waiting(lib);
      const amounts: unknown[] = [];
      const send = (): void => {
        for (const data of ["hi", undefined, new Blob(["hi"])]) {
          ws[how](data);
          amounts.push(ws.readyState, ws.bufferedAmount);
        }
      };
      ws.on("error", (error) => {
        amounts.push(error.message, ws.bufferedAmount);
        send();
      });
      ws.close();
      await closed(ws);
      send();
      return amounts;
    },
    [`${how}: the callback receives an error once it is closing`]: async (lib) => {
      const { peer } = await pair(lib);
      peer.close();
      const first = await called((done) => peer[how]("hi", undefined, done));
      const amount = peer.bufferedAmount;
      await closed(peer);
      return [
        first,
        amount,
        await called((done) => (peer[how] as (done: () => void) => void)(done)),
        peer.bufferedAmount,
      ];
    },
    [`${how}: without data`]: async (lib) =>
      await sends(lib, async (client) => {
        await called((done) => (client[how] as (done: () => void) => void)(done));
        client[how]();
        client.close();
      }),
    [`${how}: with data`]: async (lib) =>
      await sends(lib, async (client) => {
        await called((done) => (client[how] as unknown as (data: string, done: () => void) => void)("hi", done));
        client[how]("hi", true);
        client.close();
      }),
    [`${how}: a number`]: async (lib) =>
      await sends(lib, (client) => {
        client[how](0);
        client.close();
      }),
    [`${how}: too large`]: async (lib) => {
      const { client } = await pair(lib);
      return thrown(() => client[how](Buffer.alloc(126)));
    },
  };
}

/** What a client sends and the server sends back, with `options` for both ends. */
export async function echoed(
  lib: Library,
  send: (client: WebSocket) => void,
  options: ServerOptions = {},
  answer: object = {},
  clientOptions: object = options,
): Promise<unknown> {
  const { client, peer } = await pair(lib, options, clientOptions);
  const log: unknown[] = [];
  peer.on("message", (data, binary) => {
    log.push(["server", shown(data), binary]);
    peer.send(data, { binary, ...answer });
  });
  client.on("message", (data, binary) => log.push(["client", shown(data), binary]));
  send(client);
  const end = closed(client);
  client.close();
  return [log, await end];
}

/** A server that answers only after a while. */
async function hesitating(lib: Library): Promise<WebSocket> {
  const { url } = await serve(lib, { verifyClient: (_info, done) => setTimeout(done, 60, true) });
  return open(lib, url);
}

/** A client of a server that speaks no HTTP: its error listener ends it. */
async function ofNoHttp(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    atEnd(() => socket.destroy());
    socket.write("foo\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => server.close());
  const ws = open(lib, `ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const code = new Promise((resolve) => ws.on("error", (error: Error & { code?: string }) => resolve(error.code)));
  ws.on("error", () => end(ws));
  return await Promise.all([code, closed(ws)]);
}

/** Ends a client in a listener of `redirect`. */
async function inRedirect(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const ws = open(lib, await answering(["HTTP/1.1 302 Found", "Location: /foo"]), { followRedirects: true });
  ws.on("redirect", () => end(ws));
  return await refused(ws);
}

/** Ends a client in a listener of `upgrade`. */
async function inUpgrade(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const { url } = await serve(lib);
  const ws = open(lib, url);
  ws.on("upgrade", () => end(ws));
  return await refused(ws);
}

/** Ends a client as soon as it was made. */
async function atOnce(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const { url } = await serve(lib);
  const ws = open(lib, url);
  end(ws);
  return await refused(ws);
}

/** Ends a client while the server hesitates. */
async function meanwhile(lib: Library, end: (ws: WebSocket) => void): Promise<unknown> {
  const ws = await hesitating(lib);
  setTimeout(() => end(ws), 20);
  return await refused(ws);
}

const blobError = async (lib: Library): Promise<unknown> => {
  const { client, peer } = await pair(lib);
  const log: unknown[] = [];
  const end = closed(peer);
  const note = (which: number) => (error?: Error) => log.push([which, client.readyState, error?.message]);
  client.send(new Blob(["foo"]), note(1));
  client.send("bar");
  client.send("baz", note(2));
  client.terminate();
  await closed(client);
  return [log, await end];
};

/** Whether one end's close of this code arrives. */
async function closesWith(lib: Library, code: number, reason?: string): Promise<unknown> {
  const { client, peer } = await pair(lib);
  const end = closed(peer);
  client.close(code, reason);
  return await end;
}

export const methods: Cases = {
  "pause: without effect before it is open and once it is closed": async (lib) => {
    const { url } = await serve(lib);
    const ws = open(lib, url);
    const seen = [ws.isPaused];
    ws.pause();
    seen.push(ws.isPaused);
    await event(ws, "open");
    ws.close();
    await closed(ws);
    ws.pause();
    return [...seen, ws.isPaused];
  },
  "pause: nothing is emitted": async (lib) => {
    const { client, peer } = await pair(lib);
    const log: unknown[] = [];
    peer.on("message", (data) => log.push(shown(data)));
    const before = socketOf(peer).isPaused();
    peer.pause();
    client.send("later");
    await new Promise((resolve) => setTimeout(resolve, 20));
    return [before, peer.isPaused, socketOf(peer).isPaused(), log];
  },
  ...control("ping"),
  ...control("pong"),
  "pong: by itself, when a ping arrives": async (lib) => {
    const { client, peer } = await pair(lib);
    const got = [event(peer, "ping"), event(client, "pong")];
    client.ping(Buffer.from("hi"));
    return await Promise.all(got);
  },
  "resume: without effect before it is open and once it is closed": async (lib) => {
    const { url } = await serve(lib);
    const ws = open(lib, url);
    ws.resume();
    await event(ws, "open");
    ws.pause();
    const seen = [ws.isPaused];
    ws.terminate();
    await closed(ws);
    ws.resume();
    return [...seen, ws.isPaused];
  },
  "resume: what came meanwhile is emitted": async (lib) => {
    const { client, peer } = await pair(lib);
    const got = event(peer, "message");
    peer.pause();
    client.send("later");
    await new Promise((resolve) => setTimeout(resolve, 20));
    peer.resume();
    return [await got, peer.isPaused, socketOf(peer).isPaused()];
  },
  "send: while connecting": (lib) => {
    const ws = waiting(lib);
    return [thrown(() => ws.send("hi")), thrown(() => ws.send("hi", () => {}))];
  },
  "send: counts in bufferedAmount once it is closing": async (lib) => {
    const ws = waiting(lib);
    const amounts: unknown[] = [];
    const send = (): void => {
      for (const data of ["hi", undefined, new Blob(["hi"])]) {
        ws.send(data as string);
        amounts.push(ws.readyState, ws.bufferedAmount);
      }
    };
    ws.on("error", send);
    ws.close();
    await closed(ws);
    send();
    return amounts;
  },
  "send: the callback receives an error once it is closing": async (lib) => {
    const { peer } = await pair(lib);
    peer.close();
    const first = [await called((done) => peer.send("hi", done)), peer.bufferedAmount];
    await closed(peer);
    return [first, await called((done) => peer.send("hi", done)), peer.bufferedAmount];
  },
  "send: four megabytes": async (lib) => {
    const array = Float32Array.from({ length: 1 << 20 }, (_, at) => at / 5);
    const { client, peer } = await pair(lib);
    peer.on("message", (data) => {
      peer.send(data);
      peer.close();
    });
    const got = within(once(client, "message"), "a message");
    client.send(array);
    const [data, binary] = await got;
    return [Buffer.from(array.buffer).equals(data), binary];
  },
  "send: text": async (lib) => await echoed(lib, (ws) => ws.send("hi")),
  "send: fin": async (lib) =>
    await echoed(lib, (ws) => {
      ws.send("fragment", { fin: false });
      ws.send("fragment", { fin: true });
    }),
  "send: a number": async (lib) => await echoed(lib, (ws) => ws.send(0 as never)),
  "send: a part of a typed array": async (lib) =>
    await echoed(lib, (ws) => ws.send(Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5).subarray(2, 5))),
  "send: an ArrayBuffer": async (lib) => await echoed(lib, (ws) => ws.send(Float32Array.of(0, 0.5, 1).buffer)),
  "send: a Buffer": async (lib) => await echoed(lib, (ws) => ws.send(Buffer.from("foobar"))),
  "send: Blobs": async (lib) =>
    await echoed(lib, (ws) => {
      ws.send(new Blob(["foo"]) as never);
      ws.send(new Blob(["bar"]) as never);
    }),
  "send: the callback": async (lib) => {
    const { client } = await pair(lib);
    return await called((done) => client.send("hi", done));
  },
  "send: the callbacks of what a terminated connection has not sent": blobError,
  "send: nothing": async (lib) => await echoed(lib, (ws) => (ws.send as () => void)()),
  "send: mask": {
    differs: "a client masks every frame: RFC 6455 5.1 demands it",
    run: async (lib) => {
      const { client, peer } = await pair(lib);
      const log: unknown[] = [];
      peer.on("message", (data) => log.push(shown(data)));
      peer.on("error", (error) => log.push(error.message));
      client.send("hi", { mask: false });
      await until(() => log.length > 0, "a message or an error");
      return log;
    },
  },
  "close: at once": async (lib) => await atOnce(lib, (ws) => ws.close(1001)),
  "close: while the server hesitates": async (lib) => await meanwhile(lib, (ws) => ws.close(1001)),
  "close: behind a response that refuses": async (lib) => {
    const lines = ["HTTP/1.1 502 Bad Gateway", "Connection: keep-alive", "Content-Length: 3"];
    const ws = open(lib, await answering(lines, "foo", false));
    const [, res] = await within(once(ws, "unexpected-response"), "a response");
    let body = "";
    for await (const part of res) body += part;
    const end = refused(ws);
    ws.close();
    return [res.statusCode, body, await end];
  },
  "close: in a listener of error": async (lib) => await ofNoHttp(lib, (ws) => ws.close()),
  "close: in a listener of redirect": async (lib) => await inRedirect(lib, (ws) => ws.close()),
  "close: in a listener of upgrade": async (lib) => await inUpgrade(lib, (ws) => ws.close()),
  "close: without a code": async (lib) => {
    const { server, url } = await serve(lib);
    const accepted = within(once(server, "connection"), "connection");
    const { socket, received } = await rawClient(url);
    const [peer] = (await accepted) as [WebSocket];
    const end = closed(peer);
    peer.close();
    await until(() => received().length >= 2, "a close frame");
    socket.write(frame(0x88, "", true));
    return [await end, [...received()]];
  },
  "close: with a code": async (lib) => await closesWith(lib, 1000),
  "close: with a reason": async (lib) => await closesWith(lib, 1000, "some reason"),
  "close: what was sent before it arrives": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: { threshold: 0 } });
    const log: unknown[] = [];
    client.on("message", (data, binary) => log.push(shown(data), binary));
    const end = closed(client);
    for (const text of ["foo", "bar", "baz"]) peer.send(text, (error) => error && log.push(error.message));
    peer.close();
    peer.close();
    return [await end, log];
  },
  "close: 1013": async (lib) => await closesWith(lib, 1013),
  "close: 1014": async (lib) => await closesWith(lib, 1014),
  "close: once it is closed": async (lib) => {
    const { client, peer } = await pair(lib);
    peer.close();
    const end = await closed(client);
    client.close();
    return [end, client.readyState];
  },
  "close: bounded by closeTimeout, also before what was sent has left": async (lib) => {
    const { client, peer } = await pair(lib, {}, { closeTimeout: 40 } as object);
    socketOf(peer).pause();
    let sent = false;
    client.send("foo", () => {
      sent = true;
    });
    client.close(1000, "some reason");
    const before = sent;
    return [before, await closed(client)];
  },
  "close: the answer has the reason": {
    differs: "the engine answers a close frame by its code alone; RFC 6455 5.5.1 asks for no more",
    run: async (lib) => {
      const { client } = await pair(lib);
      client.close(1000, "some reason");
      return await closed(client);
    },
  },
  "close: messages behind it are emitted until the peer answers": async (lib) => {
    const { client, peer } = await pair(lib);
    const log: unknown[] = [];
    client.on("message", (data) => log.push(shown(data)));
    client.on("ping", () => log.push("ping"));
    peer.pause();
    client.close(1000);
    for (const text of ["one", "two"]) peer.send(text);
    peer.ping();
    peer.resume();
    return [await closed(client), log];
  },
  "terminate: at once": async (lib) => await atOnce(lib, (ws) => ws.terminate()),
  "terminate: while the server hesitates": async (lib) => await meanwhile(lib, (ws) => ws.terminate()),
  "terminate: in a listener of error": async (lib) => await ofNoHttp(lib, (ws) => ws.terminate()),
  "terminate: in a listener of redirect": async (lib) => await inRedirect(lib, (ws) => ws.terminate()),
  "terminate: in a listener of upgrade": async (lib) => await inUpgrade(lib, (ws) => ws.terminate()),
  "terminate: once it is closed": async (lib) => {
    const { client, peer } = await pair(lib);
    peer.terminate();
    const end = await closed(client);
    client.terminate();
    return [end, client.readyState];
  },
  "terminate: the peer sees the end, and no reset": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ server });
    const log: unknown[] = [];
    chat.on("connection", (ws) => {
      socketOf(ws).on("error", (error) => log.push((error as NodeJS.ErrnoException).code));
      ws.on("close", (code) => log.push(code));
    });
    const client = open(lib, urlOf(server));
    await event(client, "open");
    client.terminate();
    await until(() => log.length > 0, "an end");
    return log;
  },
  "an error, and the end that follows it": async (lib) => {
    const { client, peer } = await pair(lib);
    const end = closed(client);
    socketOf(peer).write(frame(0xc1, "x"));
    return [await failed(client), client.readyState, await end];
  },
};
