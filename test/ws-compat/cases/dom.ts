/** The interface of the DOM on an EventEmitter; TLS; the headers of a request. */
import { ClientRequest } from "node:http";
import type { TLSSocket } from "node:tls";
import type { WebSocket } from "ws";
import { makeCertificates } from "../../api/certificates.ts";
import { within } from "../../support/wait.ts";
import { asked, idle } from "./attributes.ts";
import {
  type Cases,
  certificate,
  closed,
  event,
  failed,
  http,
  type Library,
  open,
  pair,
  refused,
  serve,
  shown,
  urlOf,
} from "./kit.ts";

const noop = (): void => {};
const other = (): void => {};
const names = ["open", "message", "close", "error"] as const;

/** What an event of the DOM says. */
function facts(event: object, ws: WebSocket): unknown {
  const { type, target, data, code, reason, wasClean, error, message } = event as Record<string, unknown>;
  const found = { type, data: shown(data), code, reason, wasClean, error: shown(error), message };
  return [target === ws, ...Object.entries(found).filter(([, value]) => value !== undefined)];
}

/** Whether the members of an event can be enumerated and not be set. */
function members(event: object): unknown {
  const prototype = Object.getPrototypeOf(event);
  const all = {
    ...Object.getOwnPropertyDescriptors(Object.getPrototypeOf(prototype)),
    ...Object.getOwnPropertyDescriptors(prototype),
  };
  return Object.entries(all)
    .filter(([name]) => name !== "constructor")
    .map(([name, { enumerable, configurable, set }]) => [name, enumerable, configurable, typeof set])
    .sort();
}

type Asked = { getHeader(name: string): unknown };

/** One header of the request that a client makes. */
function header(lib: Library, url: string, name: string, options: object = {}): unknown {
  return asked(lib, url, options, (req: Asked) => req.getHeader(name) ?? "none");
}

/** Both ends over TLS. */
async function secure(
  lib: Library,
  options: object = {},
  serverOptions: object = {},
): Promise<{ client: WebSocket; peer: WebSocket; socket: TLSSocket }> {
  const server = await http({ ...certificate, ...serverOptions });
  const chat = new lib.WebSocketServer({ server });
  const accepted = new Promise<[WebSocket, { socket: TLSSocket }]>((resolve) =>
    chat.on("connection", (ws, req) => resolve([ws, req as never])),
  );
  const client = open(lib, urlOf(server, "wss"), { rejectUnauthorized: false, ...options });
  await event(client, "open");
  const [peer, { socket }] = await within(accepted, "connection");
  return { client, peer, socket };
}

/** Runs with each attribute that has a listener. */
function attributes(ws: WebSocket, value: unknown): unknown {
  const any = ws as unknown as Record<string, unknown>;
  for (const name of names) any[`on${name}`] = value;
  return names.map((name) => any[`on${name}`] === value);
}

export const dom: Cases = {
  "onopen and its like: members of the prototype": (lib) => {
    const ws = idle(lib);
    const described = names.map((name) => {
      const found = Object.getOwnPropertyDescriptor(lib.WebSocket.prototype, `on${name}`);
      return [found?.enumerable, found?.configurable, typeof found?.get, typeof found?.set];
    });
    const before = names.map((name) => (ws as unknown as Record<string, unknown>)[`on${name}`]);
    const set = attributes(ws, noop);
    ws.onmessage = "foo" as never;
    return [described, before, set, ws.onmessage, ws.listenerCount("message")];
  },
  "onopen and its like: are called": async (lib) => {
    const { server, url } = await serve(lib);
    server.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })));
    const ws = open(lib, url);
    const log: unknown[] = [];
    ws.onopen = () => ws.send("foo");
    ws.onclose = ({ wasClean, code, reason }) => log.push(wasClean, code, reason);
    ws.onmessage = ({ data }) => {
      log.push(data);
      ws.close();
    };
    await closed(ws);
    return log;
  },
  "onopen: not what `on` was given": (lib) => {
    const ws = idle(lib);
    ws.on("open", noop);
    return [ws.listeners("open").length, ws.onopen];
  },
  "onclose: leaves what `on` was given": (lib) => {
    const ws = idle(lib);
    ws.on("close", noop);
    ws.onclose = other;
    const first = ws.listenerCount("close");
    ws.onclose = other;
    return [first, ws.listenerCount("close"), ws.listeners("close")[0] === noop, ws.onclose === other];
  },
  addEventListener: (lib) => {
    const ws = idle(lib);
    const log: unknown[] = [];
    ws.addEventListener("foo" as "open", noop);
    const opened = (): unknown => log.push("open", ws.listenerCount("open"));
    ws.addEventListener("open", opened);
    ws.addEventListener("open", opened);
    const listener = {
      handleEvent(this: unknown): void {
        log.push("message", this === listener, ws.listenerCount("message"));
      },
    };
    ws.addEventListener("message", listener as never, { once: true });
    ws.addEventListener("message", listener as never);
    ws.addEventListener("close", noop);
    ws.onclose = noop;
    log.push(ws.listenerCount("foo"), ws.listenerCount("message"), ws.listenerCount("close"));
    ws.emit("open");
    ws.emit("message", Buffer.alloc(0), false);
    return log;
  },
  "addEventListener: is not an attribute": (lib) => {
    const ws = idle(lib);
    ws.addEventListener("open", noop);
    return [ws.listenerCount("open"), ws.onopen];
  },
  "addEventListener: stays when an attribute is set": (lib) => {
    const ws = idle(lib);
    ws.addEventListener("close", noop);
    ws.onclose = noop;
    const first = ws.listenerCount("close");
    ws.onclose = noop;
    return [first, ws.listenerCount("close")];
  },
  removeEventListener: (lib) => {
    const ws = idle(lib);
    const counts: number[] = [];
    const count = (): unknown => counts.push(ws.listenerCount("message"), ws.listenerCount("open"));
    const listener = { handleEvent: noop } as never;
    for (const options of [{}, { once: true }]) {
      ws.addEventListener("message", listener, options);
      ws.addEventListener("open", noop, options);
      ws.removeEventListener("message", other);
      count();
      ws.removeEventListener("message", listener);
      ws.removeEventListener("open", noop);
      count();
    }
    ws.on("message", noop);
    ws.removeEventListener("message", noop);
    ws.onclose = noop;
    ws.removeEventListener("close", noop);
    count();
    return [counts, ws.listenerCount("close")];
  },
  "an event of text": async (lib) => {
    const { client, peer } = await pair(lib);
    const seen = new Promise((resolve) =>
      client.addEventListener("message", (it) => resolve([facts(it, client), members(it)])),
    );
    peer.send("hi");
    return await seen;
  },
  "an event of close, 1000": async (lib) => {
    const { client, peer } = await pair(lib);
    const seen = new Promise((resolve) =>
      client.addEventListener("close", (it) => resolve([facts(it, client), members(it)])),
    );
    peer.close(1000);
    return await seen;
  },
  "an event of close, 4000": async (lib) => {
    const { client, peer } = await pair(lib);
    const seen = new Promise((resolve) => client.addEventListener("close", (it) => resolve(facts(it, client))));
    peer.close(4000, "some daft reason");
    return await seen;
  },
  "type and target of each event": async (lib) => {
    const { server, url } = await serve(lib);
    server.on("connection", (ws) => ws.send("hi"));
    const ws = open(lib, url);
    const log: unknown[] = [];
    for (const name of names) ws.addEventListener(name, (it: object) => log.push(facts(it, ws)));
    ws.addEventListener("message", () => ws.close());
    await closed(ws);
    ws.emit("error", new Error("forced"));
    return log;
  },
  "an event of bytes": async (lib) => {
    const { client, peer } = await pair(lib);
    const seen = new Promise((resolve) => {
      client.onmessage = ({ data }) => resolve([Buffer.isBuffer(data), (data as Buffer).length]);
    });
    peer.send(new Uint8Array(4096));
    return await seen;
  },
  "binaryType is for bytes alone": async (lib) => {
    const { client, peer } = await pair(lib);
    client.binaryType = "arraybuffer";
    const seen = new Promise((resolve) => {
      client.onmessage = ({ data }) => resolve(data);
    });
    peer.send("foo");
    return await seen;
  },
  "binaryType can change": async (lib) => {
    const { client, peer } = await pair(lib);
    const log: unknown[] = [];
    for (const type of ["nodebuffer", "arraybuffer", "fragments", "blob"]) {
      client.binaryType = type as "nodebuffer";
      const got = new Promise<unknown>((resolve) => {
        client.onmessage = ({ data }) => resolve(data);
      });
      peer.send(Buffer.from(type));
      const data = await within(got, "a message");
      log.push(data instanceof Blob ? ["blob", await data.text()] : shown(data));
    }
    return log;
  },
  "TLS: connects": async (lib) => {
    const { client, peer } = await secure(lib);
    client.close();
    return [await closed(peer)];
  },
  "TLS: a certificate of the client's": async (lib) => {
    const { client } = makeCertificates();
    const { cert, key } = client;
    const {
      peer,
      client: ws,
      socket,
    } = await secure(lib, { cert, key }, { requestCert: true, rejectUnauthorized: false });
    const end = closed(peer);
    ws.close();
    return [socket.getPeerCertificate().subject?.CN, await end];
  },
  "TLS: not by ws://": async (lib) => {
    const server = await http(certificate);
    const [error, code] = (await refused(open(lib, urlOf(server)))) as unknown[];
    return [(error as { code: string }).code, code];
  },
  "TLS: text": async (lib) => {
    const { client, peer } = await secure(lib);
    const got = event(peer, "message");
    client.send("foobar");
    return await got;
  },
  "TLS: five megabytes": async (lib) => {
    const { client, peer } = await secure(lib);
    const data = Buffer.alloc(5 << 20, "0123456789");
    peer.on("message", (it) => {
      peer.send(it);
      peer.close();
    });
    const got = new Promise<Buffer>((resolve) => client.on("message", (it) => resolve(it as Buffer)));
    client.send(data);
    return data.equals(await within(got, "a message"));
  },
  "TLS: no SNI": async (lib) => {
    const { socket } = await secure(lib, { servername: "" });
    return (socket as unknown as { servername: unknown }).servername;
  },
  "TLS: no version in common": async (lib) => {
    const server = await http({ ...certificate, minVersion: "TLSv1.3" });
    const ws = open(lib, urlOf(server, "wss"), { maxVersion: "TLSv1.2", rejectUnauthorized: false } as object);
    const [error, end] = await Promise.all([failed(ws), closed(ws)]);
    return [(error as { code: string }).code, end];
  },
  "header: Authorization, of the URL's user": (lib) => header(lib, "ws://test:testpass@localhost", "authorization"),
  "header: Authorization, of auth": (lib) => header(lib, "ws://localhost", "authorization", { auth: "user:pass" }),
  "header: Authorization, of both": (lib) =>
    header(lib, "ws://baz:qux@localhost", "authorization", { auth: "foo:bar" }),
  "header: of headers": (lib) => header(lib, "ws://localhost", "cookie", { headers: { Cookie: "foo=bar" } }),
  "header: Host, without the default port": (lib) =>
    ["wss://localhost:8443", "wss://localhost:443", "ws://localhost:88", "ws://localhost:80"].map((url) =>
      header(lib, url, "host"),
    ),
  "header: no Origin": (lib) => header(lib, "ws://localhost", "origin"),
  "header: Origin": (lib) => header(lib, "ws://localhost", "origin", { origin: "https://example.com:8000" }),
  "header: Origin, of protocol version 8": (lib) => {
    const options = { origin: "https://example.com:8000", protocolVersion: 8 };
    return header(lib, "ws://localhost", "sec-websocket-origin", options);
  },
  finishRequest: async (lib) => {
    const { server, url } = await serve(lib);
    const seen: unknown[] = [];
    server.on("connection", (ws, req) => {
      seen.push(req.headers.cookie);
      ws.close();
    });
    const ws = open(lib, url, {
      finishRequest: ((req: ClientRequest, it: unknown) => {
        seen.push(
          req instanceof ClientRequest,
          req.getHeader("host") === new URL(url).host,
          it instanceof lib.WebSocket,
        );
        req.on("socket", (socket) =>
          socket.on("connect", () => {
            req.setHeader("Cookie", "foo=bar");
            req.end();
          }),
        );
      }) as never,
    });
    return [await closed(ws), seen];
  },
};
