/** The constructor of a client, its constants and attributes. */
import { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import type { WebSocket } from "ws";
import { type Cases, closed, event, type Library, open, pair, serve, thrown } from "./kit.ts";

/** An agent that never connects. */
export class IdleAgent extends Agent {
  addRequest(): void {}
}

/** A client whose request goes nowhere. */
export function idle(lib: Library, url = "ws://localhost", options: object = {}): WebSocket {
  return open(lib, url, { agent: new IdleAgent(), ...options });
}

/** What the agent of a client gets to see. */
export function asked(
  lib: Library,
  url: string | URL,
  options: object,
  look: (req: never, opts: never) => unknown,
): unknown {
  let seen: unknown = "nothing";
  const secure = /^(https|wss):/.test(String(url));
  const agent = Object.assign(secure ? new SecureAgent() : new Agent(), {
    addRequest: (req: never, opts: never) => {
      seen = look(req, opts);
    },
  });
  const client = new lib.WebSocket(url, { agent, ...options });
  client.on("error", () => {});
  client.terminate();
  return seen;
}

/** Of a member of the prototype: what can be done with it. */
function member(lib: Library, name: string): unknown {
  const { enumerable, configurable, get, set } = Object.getOwnPropertyDescriptor(lib.WebSocket.prototype, name) ?? {};
  return [enumerable, configurable, typeof get, typeof set];
}

function constants(name: "CONNECTING" | "OPEN" | "CLOSING" | "CLOSED"): Cases {
  return {
    [`${name}: of the class`]: ({ WebSocket }) => Object.getOwnPropertyDescriptor(WebSocket, name),
    [`${name}: of the prototype`]: ({ WebSocket }) => Object.getOwnPropertyDescriptor(WebSocket.prototype, name),
  };
}

export const attributes: Cases = {
  "new: URLs that are none": ({ WebSocket }) =>
    ["foo", "bad-scheme://a", "ws+unix:", "wss://a#b"].map((url) => thrown(() => new WebSocket(url))),
  "new: subprotocols that are none": ({ WebSocket }) =>
    [null, "", "a,b", ["a", "a"]].map((names) => thrown(() => new WebSocket("ws://localhost", names as string))),
  "new: a URL object": (lib) =>
    asked(lib, new URL("ws://[::1]"), {}, (req: { path: string }, opts: { host: string }) => [opts.host, req.path]),
  "new: the scheme http": (lib) =>
    asked(lib, "http://localhost", {}, (_req, opts: { host: string; port: number }) => [opts.host, opts.port]),
  "new: the scheme https": (lib) =>
    asked(lib, "https://localhost", {}, (_req, opts: { host: string; port: number }) => [opts.host, opts.port]),
  "new: options as the third argument": ({ WebSocket }) => {
    const seen: unknown[] = [];
    const agent = Object.assign(new Agent(), {
      addRequest: (req: { getHeader(name: string): unknown }) => seen.push(req.getHeader("sec-websocket-protocol")),
    });
    for (const names of [undefined, []]) {
      const client = new WebSocket("ws://localhost", names as string[], { agent });
      client.on("error", () => {});
      client.terminate();
    }
    return seen.map((it) => it ?? "none");
  },
  "new: limits on what is received": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true }, { maxPayload: 20 });
    const log: unknown[] = [];
    client.on("message", (data) => log.push(String(data).length));
    peer.send("x".repeat(20));
    peer.send("x".repeat(21));
    return [await event(client, "error"), log];
  },
  "new: an unknown protocolVersion": ({ WebSocket }) =>
    thrown(() => new WebSocket("ws://localhost", { protocolVersion: 1000 })),
  "new: generateMask": {
    differs: "the engine makes the masking keys, unpredictable as RFC 6455 10.3 demands",
    run: async (lib) => {
      const { client } = await pair(lib, {}, { generateMask: (mask: Buffer) => mask.fill(0) } as object);
      const sent: Buffer[] = [];
      const socket = (client as unknown as { _socket: { write(...args: unknown[]): boolean } })._socket;
      const write = socket.write.bind(socket);
      socket.write = (data, ...rest) => {
        sent.push(Buffer.from(data as Uint8Array));
        return write(data, ...rest);
      };
      client.send(Buffer.from("foo"));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return Buffer.concat(sent).subarray(2, 6).equals(Buffer.alloc(4));
    },
  },
  "new: autoPong": async (lib) => {
    const { client, peer } = await pair(lib, {}, { autoPong: false });
    const log: string[] = [];
    peer.on("pong", () => log.push("pong"));
    client.on("ping", () => client.close());
    peer.ping();
    return [await closed(client), log];
  },
  "new: closeTimeout": async (lib) => {
    const { client, peer } = await pair(lib, {}, { closeTimeout: 50 } as object);
    peer.pause(); /* it never answers */
    client.close();
    return await closed(client);
  },
  ...constants("CONNECTING"),
  ...constants("OPEN"),
  ...constants("CLOSING"),
  ...constants("CLOSED"),
  "binaryType: a member of the prototype": (lib) => member(lib, "binaryType"),
  "binaryType: at first": (lib) => idle(lib).binaryType,
  "binaryType: what it can be set to": (lib) => {
    const ws = idle(lib);
    return ["arraybuffer", "foo", "fragments", "", "nodebuffer"].map((type) => {
      ws.binaryType = type as "nodebuffer";
      return ws.binaryType;
    });
  },
  "bufferedAmount: a member of the prototype": (lib) => member(lib, "bufferedAmount"),
  "bufferedAmount: at first": (lib) => idle(lib).bufferedAmount,
  "bufferedAmount: once it is open": async (lib) => {
    const { server, url } = await serve(lib);
    server.on("connection", (ws) => ws.close());
    const client = open(lib, url);
    await event(client, "open");
    return client.bufferedAmount;
  },
  "bufferedAmount: what waits to be compressed": async (lib) => {
    const { client } = await pair(lib, { perMessageDeflate: true }, { perMessageDeflate: { threshold: 0 } });
    client.send("foo");
    const first = client.bufferedAmount;
    const done = new Promise((resolve) =>
      client.send("bar", (error) => resolve([error ?? "sent", client.bufferedAmount])),
    );
    return [first, client.bufferedAmount, await done];
  },
  "bufferedAmount: what waits in the socket": async (lib) => {
    const { client, peer } = await pair(lib);
    client.pause();
    const data = Buffer.alloc(65_536, 61);
    for (let sent = 0; peer.bufferedAmount === 0 && sent < 1000; sent++) peer.send(data);
    return peer.bufferedAmount > 0;
  },
  "extensions: a member of the prototype": (lib) => member(lib, "extensions"),
  "extensions: none": async (lib) => {
    const before = idle(lib).extensions;
    const { client, peer } = await pair(lib);
    return [before, client.extensions, peer.extensions];
  },
  "extensions: permessage-deflate": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true });
    return [client.extensions, peer.extensions];
  },
  "isPaused: a member of the prototype": (lib) => member(lib, "isPaused"),
  "isPaused: follows pause and resume": async (lib) => {
    const { client } = await pair(lib);
    const seen = [idle(lib).isPaused, client.isPaused];
    client.pause();
    seen.push(client.isPaused);
    client.resume();
    return [...seen, client.isPaused];
  },
  "protocol: a member of the prototype": (lib) => member(lib, "protocol"),
  "protocol: the one that the server chose": async (lib) => {
    const { server, url } = await serve(lib);
    const client = open(lib, url, {}, ["foo"]);
    const before = client.protocol;
    const seen = new Promise((resolve) => server.on("connection", (ws) => resolve(ws.protocol)));
    await event(client, "open");
    return [before, client.protocol, await seen];
  },
  "readyState: a member of the prototype": (lib) => member(lib, "readyState"),
  "readyState: CONNECTING at first": (lib) => idle(lib).readyState,
  "readyState: OPEN once it is": async (lib) => {
    const { url } = await serve(lib);
    const client = open(lib, url);
    const state = new Promise((resolve) => client.on("open", () => resolve(client.readyState)));
    return await state;
  },
  "readyState: CLOSED once it was closed": async (lib) => {
    const { client } = await pair(lib);
    client.close(1001);
    const before = client.readyState;
    await closed(client);
    return [before, client.readyState];
  },
  "readyState: CLOSED once it was terminated": async (lib) => {
    const { client } = await pair(lib);
    client.terminate();
    const before = client.readyState;
    return [before, await closed(client), client.readyState];
  },
  "url: a member of the prototype": (lib) => member(lib, "url"),
  "url: where it connects to": (lib) =>
    ["ws", "wss", "http", "https"].map((scheme) => {
      const client = new lib.WebSocket(`${scheme}://localhost/`, { lookup() {} } as object);
      client.on("error", () => {});
      client.terminate();
      return client.url;
    }),
};
