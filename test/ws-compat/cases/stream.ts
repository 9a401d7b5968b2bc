/** createWebSocketStream. */
import { EventEmitter } from "node:events";
import { Duplex, type DuplexOptions } from "node:stream";
import type { WebSocket } from "ws";
import { until, within } from "../../support/wait.ts";
import {
  answering,
  type Cases,
  closed,
  frame,
  type Library,
  open,
  pair,
  SWITCHING,
  serve,
  shown,
  socketOf,
} from "./kit.ts";

/** The events of a stream. */
function watchStream(duplex: Duplex): unknown[] {
  const log: unknown[] = [];
  for (const name of ["end", "finish", "error", "close"]) {
    duplex.on(name, (error?: Error) => log.push(error === undefined ? name : [name, shown(error)]));
  }
  return log;
}

const over = (log: unknown[]): Promise<void> => until(() => log.includes("close"), "the end of a stream");

/** The stream of a client whose server does something with its end of the connection. */
async function streamed(
  lib: Library,
  serving: (peer: WebSocket) => unknown,
  using: (duplex: Duplex, client: WebSocket, log: unknown[]) => unknown,
  options?: DuplexOptions,
  deflate = false,
): Promise<unknown> {
  const { server, url } = await serve(lib, { perMessageDeflate: deflate });
  server.on("connection", (peer) => {
    peer.on("error", () => {});
    serving(peer);
  });
  const client = open(lib, url);
  const duplex = lib.createWebSocketStream(client, options);
  const log = watchStream(duplex);
  const result = await using(duplex, client, log);
  await over(log);
  return [log, shown(result), duplex.destroyed, client.readyState];
}

const nothing = (): void => {};
const brokenFrame = Buffer.from([0x85, 0x00]);
const large = Buffer.alloc(100_000, 7);

export const streams: Cases = {
  "a property of the class": {
    differs: "`ws` has it with `require` alone; here the class has it with `import`, too",
    run: ({ WebSocket, createWebSocketStream }) =>
      (WebSocket as unknown as { createWebSocketStream: unknown }).createWebSocketStream === createWebSocketStream,
  },
  "returns a Duplex": (lib) => lib.createWebSocketStream(new EventEmitter() as WebSocket) instanceof Duplex,
  "options are those of a Duplex": async (lib) =>
    await streamed(
      lib,
      (peer) => {
        peer.send(Buffer.from("hi"));
        peer.close();
      },
      (duplex) => new Promise((resolve) => duplex.on("data", resolve)),
      { allowHalfOpen: false, encoding: "utf8" },
    ),
  "what is written while it connects is sent": async (lib) => {
    const { server, url } = await serve(lib);
    const got = new Promise((resolve) => {
      server.on("connection", (peer) => {
        peer.on("message", (data, binary) =>
          peer.on("close", (code, reason) => resolve([shown(data), binary, code, String(reason)])),
        );
        peer.close();
      });
    });
    const client = open(lib, url);
    const before = client.readyState;
    lib.createWebSocketStream(client).on("error", nothing).write(Buffer.from("chunk"));
    return [before, await within(got, "a message")];
  },
  "a write while it is closing": async (lib) =>
    await streamed(
      lib,
      nothing,
      (duplex, client) =>
        client.on("open", () => {
          client.close();
          duplex.write("hi");
        }) && undefined,
    ),
  "a write once it is closed": async (lib) =>
    await streamed(
      lib,
      (peer) => peer.close(),
      (duplex, client) => client.on("close", () => duplex.write("hi")) && undefined,
    ),
  "ended while it connects": async (lib) =>
    await streamed(lib, nothing, (duplex) => {
      duplex.resume();
      duplex.end();
    }),
  "ended behind a handshake that failed": async (lib) => {
    const client = open(lib, await answering([...SWITCHING, "Sec-WebSocket-Accept: foo"], "", false));
    const duplex = lib.createWebSocketStream(client);
    const log = watchStream(duplex);
    client.on("upgrade", () => process.nextTick(() => duplex.end()));
    await over(log);
    return log;
  },
  "errors of the WebSocket": async (lib) => {
    const { server, url } = await serve(lib);
    const peerEnd = new Promise((resolve) => {
      server.on("connection", (peer) => {
        peer.on("close", (code) => resolve(code));
        socketOf(peer).write(brokenFrame);
      });
    });
    const client = open(lib, url);
    const log = watchStream(lib.createWebSocketStream(client));
    await over(log);
    return [log, await peerEnd];
  },
  "errors while it is destroyed": async (lib) => {
    const bytes = frame(0xc2, Buffer.from([0x22, 0xfa, 0xec, 0x78]));
    const { client, peer } = await pair(lib, { perMessageDeflate: true });
    const duplex = lib.createWebSocketStream(client);
    const log = watchStream(duplex);
    let read = 0;
    socketOf(client).on("data", (part) => {
      read += part.length;
      if (read === bytes.length) duplex.destroy();
    });
    socketOf(peer).write(bytes);
    await over(log);
    const [, error] = (log.find((it) => Array.isArray(it)) ?? []) as [string, { code: string }];
    return [error?.code, log.length];
  },
  "destroyed behind finish and end": async (lib) =>
    await streamed(
      lib,
      (peer) => {
        peer.send("foo");
        peer.close();
      },
      (duplex, client) => {
        const seen: unknown[] = [];
        duplex.on("end", () => seen.push(duplex.destroyed));
        duplex.on("finish", () => {
          seen.push(duplex.destroyed, duplex.readable);
          duplex.resume();
        });
        client.on("close", () => duplex.end());
        return new Promise((resolve) => duplex.on("close", () => resolve(seen)));
      },
    ),
  "destroyed behind end and finish": async (lib) =>
    await streamed(
      lib,
      (peer) => peer.close(),
      (duplex) => {
        const seen: unknown[] = [];
        duplex.on("end", () => {
          seen.push(duplex.destroyed, duplex.writable);
          duplex.end();
        });
        duplex.resume();
        return new Promise((resolve) => duplex.on("close", () => resolve(seen)));
      },
    ),
  "backpressure: drain": async (lib) => {
    const { client, peer } = await pair(lib);
    const duplex = lib.createWebSocketStream(peer);
    const log = watchStream(duplex);
    duplex.resume();
    duplex.on("drain", () => duplex.end());
    let received = 0;
    client.on("message", (data) => {
      received += (data as Buffer).length;
    });
    let sent = 0;
    do sent += 1024;
    while (duplex.write(Buffer.alloc(1024)) && sent < 1 << 26);
    await over(log);
    return [log, received === sent, duplex.writableLength];
  },
  "backpressure: a stream that no one reads pauses the WebSocket": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true });
    const duplex = lib.createWebSocketStream(client);
    const log = watchStream(duplex);
    peer.send(large, { compress: false });
    peer.send(Buffer.from([1]));
    await until(() => client.isPaused, "a pause");
    const sizes: number[] = [];
    duplex.on("data", (data: Buffer) => sizes.push(data.length));
    await until(() => sizes.reduce((a, b) => a + b, 0) === large.length + 1, "all bytes");
    const resumed = !client.isPaused;
    duplex.end();
    await over(log);
    return [resumed, log];
  },
  "backpressure: reading resumes it": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true });
    const duplex = lib.createWebSocketStream(client);
    const log = watchStream(duplex);
    peer.send(large);
    await until(() => client.isPaused, "a pause");
    duplex.resume();
    await until(() => !client.isPaused, "a resume");
    duplex.end();
    await over(log);
    return log;
  },
  "destroyed with an error": async (lib) =>
    await streamed(
      lib,
      nothing,
      (duplex, client) => client.on("open", () => duplex.destroy(new Error("Oops"))) && undefined,
    ),
  destroyed: async (lib) =>
    await streamed(lib, nothing, (duplex, client) => client.on("open", () => duplex.destroy()) && undefined),
  "text as strings, with readableObjectMode": async (lib) =>
    await streamed(
      lib,
      (peer) => {
        peer.send("foo");
        peer.close();
      },
      (duplex) => {
        duplex.on("end", () => duplex.end());
        return new Promise((resolve) => duplex.on("data", (data) => resolve([typeof data, data])));
      },
      { readableObjectMode: true },
    ),
  "ended while it is paused": async (lib) => {
    const { client, peer } = await pair(lib);
    const duplex = lib.createWebSocketStream(client);
    const log = watchStream(duplex);
    const end = closed(client);
    client.once("message", () => {
      log.push(client.isPaused);
      duplex.end();
      process.nextTick(() => {
        log.push(client.readyState);
        duplex.resume();
      });
    });
    peer.send(large);
    await over(log);
    return [log, await end];
  },
};
