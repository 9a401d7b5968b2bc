/** Compression, and how a connection ends while something is going on. */
import type { ServerOptions } from "ws";
import { until } from "../../support/wait.ts";
import { asked } from "./attributes.ts";
import {
  type Cases,
  called,
  closed,
  failed,
  frame,
  type Library,
  pair,
  rawClient,
  serve,
  shown,
  socketOf,
} from "./kit.ts";
import { echoed } from "./methods.ts";

const ALL = { perMessageDeflate: { threshold: 0 } };
const ON = { perMessageDeflate: true };

/** Four empty messages, compressed. */
const EMPTY = Buffer.from("c10100".repeat(4), "hex");

/** What a client offers. */
function offered(lib: Library, options: object): unknown {
  return asked(lib, "ws://localhost", options, (req: { getHeader(name: string): unknown }) => {
    return req.getHeader("sec-websocket-extensions") ?? "none";
  });
}

/** What a client that sends compressed messages gets back, and its end. */
async function compressed(lib: Library, ...all: unknown[]): Promise<unknown> {
  return await echoed(
    lib,
    (ws) => {
      for (const data of all) ws.send(data as string, { compress: true });
    },
    ALL,
    {
      compress: true,
    },
  );
}

/** Ends a client at the first of some compressed messages. */
async function whileInflating(lib: Library, how: "close" | "terminate"): Promise<unknown> {
  const { client, peer } = await pair(lib, ON);
  const log: unknown[] = [];
  client.on("message", (data) => {
    log.push(shown(data));
    if (log.length === 1) setImmediate(() => (how === "close" ? client.close(1000) : client.terminate()));
  });
  const end = closed(client);
  socketOf(peer).write(EMPTY);
  return [await end, log];
}

/** A connection in which both ends break the protocol. */
async function bothBroken(lib: Library, closing: boolean): Promise<unknown> {
  const { client, peer } = await pair(lib);
  const all = Promise.all([failed(client), closed(client), failed(peer), closed(peer)]);
  for (const ws of [peer, client]) {
    socketOf(ws).write(Buffer.from([0x85, 0x00]));
    if (closing) ws.close();
  }
  return await all;
}

/** A server of `options` that a raw client sends bytes to: its error and its end, and what the client receives. */
async function afterBytes(lib: Library, bytes: Buffer, options: ServerOptions = {}): Promise<unknown> {
  const { server, url } = await serve(lib, options);
  const log: unknown[] = [];
  server.on("connection", (ws) => {
    ws.on("error", (error: Error & { code?: string }) => log.push([error.code, error.message]));
    ws.on("message", (data) => log.push((data as Buffer).length));
    ws.on("close", (code, reason) => log.push(["close", code, String(reason)]));
  });
  const { socket, received } = await rawClient(url);
  socket.write(bytes);
  await until(() => Array.isArray(log.at(-1)) && (log.at(-1) as unknown[])[0] === "close", "an end");
  return [log, [...received().subarray(0, 4)]];
}

export const deflate: Cases = {
  "offered by default": (lib) => offered(lib, {}),
  "not offered": (lib) => offered(lib, { perMessageDeflate: false }),
  "offered with parameters": (lib) =>
    offered(lib, {
      perMessageDeflate: {
        clientNoContextTakeover: true,
        serverNoContextTakeover: true,
        clientMaxWindowBits: true,
        serverMaxWindowBits: 10,
      },
    }),
  "what came before the end of the socket is emitted": async (lib) => {
    const { client, peer } = await pair(lib, ALL);
    const log: unknown[] = [];
    client.on("message", (data) => log.push(shown(data)));
    const end = closed(client);
    for (const text of ["foo", "bar", "baz"]) peer.send(text);
    peer.send("qux", () => socketOf(peer).end());
    return [await end, log];
  },
  "what came before terminate is emitted": async (lib) => {
    const { client, peer } = await pair(lib, ON);
    let count = 0;
    client.on("message", () => {
      count += 1;
    });
    const end = closed(client);
    const parts = Array.from({ length: 100 }, () => [frame(0x82, Buffer.alloc(1000)), frame(0xc2, Buffer.from([0]))]);
    socketOf(peer).write(Buffer.concat(parts.flat()));
    await until(() => count > 0, "a message");
    await until(() => socketOf(client).bytesRead > 100_000, "all bytes");
    client.terminate();
    return [await end, count];
  },
  "a close frame that arrives while something is compressed": {
    differs:
      "the close frame is answered at once; the callbacks of messages that are still being compressed receive an error",
    run: async (lib) => {
      const { server, url } = await serve(lib, ON);
      const log: unknown[] = [];
      const end = new Promise((resolve) => {
        server.on("connection", (ws) => {
          ws.on("message", (data) => log.push(shown(data)));
          ws.on("close", (code) => resolve(code));
          ws.close(1000);
        });
      });
      const client = new lib.WebSocket(url, ALL);
      client.on("open", () => {
        for (const text of ["foo", "bar", "baz", "qux"]) client.send(text);
      });
      return [await end, log];
    },
  },
  "close: while something is inflated": async (lib) => await whileInflating(lib, "close"),
  "send: text": async (lib) => await compressed(lib, "hi"),
  "send: a typed array": async (lib) => await compressed(lib, Float32Array.of(0, 0.5, 1, 1.5, 2)),
  "send: an ArrayBuffer": async (lib) => await compressed(lib, Float32Array.of(0, 0.5, 1, 1.5, 2).buffer),
  "send: Blobs": async (lib) => await compressed(lib, new Blob(["foo"]), new Blob(["bar"])),
  "send: compress without the extension": async (lib) =>
    await echoed(lib, (ws) => ws.send("hi", { compress: true }), {}, { compress: true }, { perMessageDeflate: false }),
  "send: the callbacks of what a socket's end cut off": async (lib) => {
    const { client, peer } = await pair(lib, ON, ALL);
    const log: unknown[] = [];
    const note = (which: number) => (error?: Error) => log.push([which, client.readyState, error?.message]);
    client.send("foo");
    client.send("bar", note(1));
    client.send("baz");
    client.send("qux", note(2));
    socketOf(client).destroy();
    const end = closed(peer);
    await closed(client);
    return [log, await end];
  },
  "terminate: while something is compressed": async (lib) => {
    const { client } = await pair(lib, ALL, ALL);
    const sent = called((done) => client.send("hi", (error) => done([error?.message, client.readyState])));
    client.terminate();
    return await Promise.all([sent, closed(client)]);
  },
  "terminate: while something is inflated": async (lib) => await whileInflating(lib, "terminate"),
  "both ends break the protocol": async (lib) => await bothBroken(lib, false),
  "both ends break the protocol, and are closing": async (lib) => await bothBroken(lib, true),
  "an error behind much that was not read": async (lib) =>
    await afterBytes(lib, frame(0x82, Buffer.alloc(16 * 1024 + 1), true), { maxPayload: 16 * 1024 }),
  "a close frame behind much that was not read": async (lib) =>
    await afterBytes(lib, Buffer.concat([frame(0x82, Buffer.alloc(16 * 1024), true), frame(0x88, "", true)])),
};
