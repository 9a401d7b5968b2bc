/** Redirects, and what of a request they carry to another place. */
import { once } from "node:events";
import { ClientRequest, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { atEnd } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import { type Cases, certificate, closed, http, type Library, open, refused, socketPath, urlOf } from "./kit.ts";

const BASIC = "Basic Zm9vOmJhcg==";
const headers = { authorization: BASIC, cookie: "foo=bar", host: "foo" };

/** Redirects every upgrade request to `location`. */
function redirects(server: Server, location: () => string): void {
  server.on("upgrade", (_req, socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location()}\r\n\r\n`));
}

/** A server at the end of a redirect: closes at once, and notes what of the request is private. */
async function target(lib: Library, path?: string): Promise<{ server: Server; seen: unknown[] }> {
  const server = await http(undefined, path);
  const chat = new lib.WebSocketServer({ server });
  const seen: unknown[] = [];
  chat.on("connection", (ws, req: IncomingMessage) => {
    const { authorization = "none", cookie = "none", host = "none" } = req.headers;
    seen.push([authorization, cookie, host.replace(/:\d+$/, ":PORT")]);
    ws.close();
  });
  return { server, seen };
}

/** A port that is both http and https, which redirects from the latter to the former. */
async function both(lib: Library): Promise<{ port: number; seen: unknown[] }> {
  const secure = await http(certificate);
  const { server: plain, seen } = await target(lib);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    atEnd(() => socket.destroy());
    socket.once("readable", () => {
      const first = socket.read(1);
      if (first === null) return;
      socket.unshift(first);
      (first[0] === 22 ? secure : plain).emit("connection", socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => server.close());
  const { port } = server.address() as AddressInfo;
  redirects(secure, () => `ws://127.0.0.1:${port}/`);
  return { port, seen };
}

/** Follows a redirect from `from`, and returns the end, where it led, and what is in `seen`. */
async function follow(lib: Library, from: string, to: string, seen: unknown[], options: object): Promise<unknown> {
  const client = open(lib, from, { followRedirects: true, ...options });
  const end = await closed(client);
  return [end, client.url === to, seen];
}

/** Follows a redirect from one server to another. */
async function elsewhere(lib: Library, options: object): Promise<unknown> {
  const { server, seen } = await target(lib);
  const first = await http();
  redirects(first, () => `${urlOf(server)}/`);
  return await follow(lib, urlOf(first), `${urlOf(server)}/`, seen, options);
}

/** As `elsewhere`, with a listener of `redirect`, which is given the request. */
async function watched(
  lib: Library,
  from: string,
  seen: unknown[],
  options: object,
  look: (req: ClientRequest) => unknown,
): Promise<unknown> {
  const client = open(lib, from, { followRedirects: true, ...options });
  const log: unknown[] = [];
  client.on("redirect", (_url, req) => log.push(req instanceof ClientRequest, look(req)));
  return [await closed(client), log, seen];
}

const shownHeaders = (req: ClientRequest) => ["Authorization", "Cookie", "Host"].map((name) => req.getHeader(name));

export const redirectCases: Cases = {
  followRedirects: async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true, path: "/foo" });
    server.on("upgrade", (req, socket, head) => {
      if (req.url === "/foo") chat.handleUpgrade(req, socket, head, () => {});
      else socket.end("HTTP/1.1 302 Found\r\nLocation: /foo\r\n\r\n");
    });
    const client = open(lib, urlOf(server), { followRedirects: true });
    await within(once(client, "open"), "open");
    const end = closed(client);
    client.close();
    return [client.url === `${urlOf(server)}/foo`, await end];
  },
  maxRedirects: async (lib) => {
    const server = await http();
    redirects(server, () => "/");
    return await refused(open(lib, urlOf(server), { followRedirects: true, maxRedirects: 1 }));
  },
  "to a URL that is none": async (lib) => {
    const server = await http();
    redirects(server, () => "ws://");
    return await refused(open(lib, urlOf(server), { followRedirects: true }));
  },
  "to another scheme": async (lib) => {
    const server = await http();
    redirects(server, () => "bad-scheme://localhost");
    return await refused(open(lib, urlOf(server), { followRedirects: true }));
  },
  "the user of the first URL stays": async (lib) => {
    const server = await http();
    const { port } = server.address() as AddressInfo;
    const seen: unknown[] = [];
    const chat = new lib.WebSocketServer({ noServer: true, path: "/foo" });
    server.on("upgrade", (req, socket, head) => {
      seen.push(req.headers.authorization);
      if (req.url === "/foo") chat.handleUpgrade(req, socket, head, (ws) => ws.close());
      else socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://baz:qux@127.0.0.1:${port}/foo\r\n\r\n`);
    });
    return await follow(lib, `ws://foo:bar@127.0.0.1:${port}`, `ws://baz:qux@127.0.0.1:${port}/foo`, seen, {});
  },
  "out of TLS: auth is dropped": async (lib) => {
    const { port, seen } = await both(lib);
    const options = { auth: "foo:bar", rejectUnauthorized: false };
    return await follow(lib, `wss://127.0.0.1:${port}`, `ws://127.0.0.1:${port}/`, seen, options);
  },
  "out of TLS: private headers are dropped": async (lib) => {
    const { port, seen } = await both(lib);
    const options = { headers, rejectUnauthorized: false };
    return await follow(lib, `wss://127.0.0.1:${port}`, `ws://127.0.0.1:${port}/`, seen, options);
  },
  "out of TLS: not with a listener of redirect": async (lib) => {
    const { port, seen } = await both(lib);
    const options = { headers, rejectUnauthorized: false };
    return await watched(lib, `wss://127.0.0.1:${port}`, seen, options, shownHeaders);
  },
  "to another host: auth is dropped": async (lib) => await elsewhere(lib, { auth: "foo:bar" }),
  "to another host: private headers and Host are dropped": async (lib) => await elsewhere(lib, { headers }),
  "to a Unix socket: they are dropped": async (lib) => {
    const path = socketPath();
    const { seen } = await target(lib, path);
    const first = await http();
    redirects(first, () => `ws+unix:${path}`);
    return await follow(lib, urlOf(first), `ws+unix:${path}`, seen, { headers });
  },
  "to another Unix socket: they are dropped": async (lib) => {
    const [from, to] = [socketPath(), socketPath()];
    const { seen } = await target(lib, to);
    redirects(await http(undefined, from), () => `ws+unix:${to}`);
    return await follow(lib, `ws+unix:${from}`, `ws+unix:${to}`, seen, { headers });
  },
  "from a Unix socket: they are dropped": async (lib) => {
    const from = socketPath();
    const { server, seen } = await target(lib);
    redirects(await http(undefined, from), () => urlOf(server));
    return await follow(lib, `ws+unix:${from}`, `${urlOf(server)}/`, seen, { headers });
  },
  "to another host: not with a listener of redirect": async (lib) => {
    const { server, seen } = await target(lib);
    const first = await http();
    redirects(first, () => `${urlOf(server)}/`);
    return await watched(lib, urlOf(first), seen, { headers }, shownHeaders);
  },
  "a listener of redirect can give the request up": async (lib) => {
    const server = await http();
    redirects(server, () => "/foo");
    const client = open(lib, urlOf(server), { followRedirects: true });
    const log: unknown[] = [];
    client.on("error", (error) => log.push(error.message));
    client.on("redirect", (_url, req) => req.on("socket", () => req.abort()));
    return [await closed(client), log];
  },
  "a listener of redirect can remove headers": async (lib) => {
    const { server, seen } = await target(lib);
    const first = await http();
    redirects(first, () => `${urlOf(server)}/`);
    return await watched(lib, urlOf(first), seen, { headers: { authorization: BASIC, cookie: "a=b" } }, (req) => {
      req.removeHeader("authorization");
      req.removeHeader("cookie");
    });
  },
};
