/** The events of a client, and responses to its opening handshake. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openAsBlob, unlinkSync, writeFileSync } from "node:fs";
import { ClientRequest, IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WebSocket } from "ws";
import { atEnd } from "../../support/peers.ts";
import { within } from "../../support/wait.ts";
import {
  accepting,
  answering,
  type Cases,
  called,
  closed,
  event,
  failed,
  http,
  type Library,
  open,
  pair,
  refused,
  SWITCHING,
  serve,
  socketOf,
  urlOf,
} from "./kit.ts";

/** A Blob of a file that changes before it is read. */
async function brokenBlob(): Promise<Blob> {
  const path = join(tmpdir(), `twinwire-${process.pid}-${randomBytes(4).toString("hex")}.txt`);
  writeFileSync(path, "x".repeat(64));
  const blob = await openAsBlob(path);
  writeFileSync(path, "x".repeat(32));
  atEnd(() => unlinkSync(path));
  return blob;
}

/** The next error as DOMException or Error, and the end. */
async function brokenEnd(ws: WebSocket): Promise<unknown> {
  const log: unknown[] = [];
  ws.on("error", (error: Error & { code?: unknown }) => log.push([error.name, error.message]));
  return [await closed(ws), log];
}

const response401 = ["HTTP/1.1 401 Unauthorized", "Connection: close", "Content-Type: text/html", "Content-Length: 3"];

/** A response that says which extensions were agreed upon. */
async function extensions(lib: Library, field: string, options: object = {}): Promise<unknown> {
  return await refused(open(lib, await accepting(`Sec-WebSocket-Extensions: ${field}`), options));
}

export const establishing: Cases = {
  "error: a frame with an unknown opcode": async (lib) => {
    const { client, peer } = await pair(lib);
    const [end, peerEnd] = [closed(client), closed(peer)];
    socketOf(peer).write(Buffer.from([0x85, 0x00]));
    return [await failed(client), await end, await peerEnd];
  },
  "error: a Blob that can't be read": async (lib) => {
    const { peer } = await pair(lib);
    const blob = await brokenBlob();
    const end = brokenEnd(peer);
    peer.send(blob);
    return await end;
  },
  "error: once, for a broken frame and a Blob that can't be read": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true }, { perMessageDeflate: { threshold: 0 } });
    const blob = await brokenBlob();
    const end = brokenEnd(client);
    const error = failed(client);
    socketOf(peer).write(Buffer.from([0x85, 0x00]));
    await error;
    client.send("foo");
    client.send(blob);
    return [await end, await error];
  },
  "error: once, for a Blob that can't be read and a broken frame": async (lib) => {
    const { client, peer } = await pair(lib, { perMessageDeflate: true });
    const blob = await brokenBlob();
    const end = brokenEnd(client);
    client.send(blob);
    client.once("error", () => socketOf(peer).write(Buffer.from(`${"c10100".repeat(5)}8500`, "hex")));
    return await end;
  },
  "error: not after close": async (lib) => {
    const { client, peer } = await pair(lib);
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error.message));
    socketOf(peer).end();
    const end = await closed(client);
    const sent = await called((done) => client.send(new Blob(["late"]), done));
    return [end, errors, sent];
  },
  "error: none for what the socket reports": async (lib) => {
    const { client, peer } = await pair(lib);
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error.message));
    const end = closed(client);
    (socketOf(peer) as unknown as { resetAndDestroy(): void }).resetAndDestroy();
    return [await end, errors];
  },
  upgrade: async (lib) => {
    const { url } = await serve(lib);
    const [response] = await within(once(open(lib, url), "upgrade"), "upgrade");
    return [response instanceof IncomingMessage, response.statusCode, response.headers.upgrade];
  },
  ping: async (lib) => {
    const { client, peer } = await pair(lib);
    const got = event(client, "ping");
    peer.ping();
    peer.close();
    return await got;
  },
  pong: async (lib) => {
    const { client, peer } = await pair(lib);
    const got = event(client, "pong");
    peer.pong();
    peer.close();
    return await got;
  },
  redirect: async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true, path: "/foo" });
    server.on("upgrade", (req, socket, head) => {
      if (req.url === "/foo") chat.handleUpgrade(req, socket, head, (ws) => ws.close());
      else socket.end("HTTP/1.1 302 Found\r\nLocation: /foo\r\n\r\n");
    });
    const client = open(lib, urlOf(server), { followRedirects: true });
    const end = closed(client);
    const [url, req] = await within(once(client, "redirect"), "redirect");
    return [url === `${urlOf(server)}/foo`, req instanceof ClientRequest, await end];
  },
  "a response with too many headers to see Upgrade": async (lib) => {
    const client = open(lib, await answering([SWITCHING[0] as string, "Connection: Upgrade", "Upgrade: websocket"]));
    const { _req: req } = client as unknown as { _req: { maxHeadersCount: number } | null };
    if (req) req.maxHeadersCount = 1;
    return await refused(client);
  },
  "a response with another Upgrade": async (lib) =>
    await refused(
      open(lib, await answering([SWITCHING[0] as string, "Connection: Upgrade", "Upgrade: foo"], "", false)),
    ),
  "a response with a wrong Sec-WebSocket-Accept": async (lib) =>
    await refused(
      open(lib, await answering([...SWITCHING, "Sec-WebSocket-Accept: CxYS6+NgJSBG74mdgLvGscRvpns="], "", false)),
    ),
  "a server that ends behind its response": async (lib) => await closed(open(lib, await accepting())),
  "a server that refuses": async (lib) => await refused(open(lib, await answering(response401.slice(0, 3)))),
  "a response that refuses can be read": async (lib) => {
    const client = open(lib, await answering(response401, "foo"));
    const log: string[] = [];
    client.on("error", () => log.push("error"));
    const [req, res] = await within(once(client, "unexpected-response"), "a response");
    let body = "";
    for await (const part of res) body += part;
    return [req instanceof ClientRequest, res.statusCode, body, log, client.readyState];
  },
  "the request of a response that refuses can be given up": async (lib) => {
    const client = open(lib, await answering(response401, "foo"));
    const log: string[] = [];
    client.on("error", () => log.push("error"));
    const [req, res] = await within(once(client, "unexpected-response"), "a response");
    res.on("error", () => {});
    req.abort();
    await within(once(res, "close"), "the end of a response");
    return [res.statusCode, log];
  },
  "a handshake that takes too long": async (lib) => {
    const server = await http();
    server.on("upgrade", (_req, socket) => atEnd(() => socket.destroy()));
    return await refused(open(lib, urlOf(server), { handshakeTimeout: 50 }));
  },
  "an extension where none was asked for": async (lib) => await extensions(lib, "foo", { perMessageDeflate: false }),
  "extensions that can't be parsed": async (lib) => await extensions(lib, "foo;="),
  "an extension with a wrong parameter": async (lib) =>
    await extensions(lib, "permessage-deflate; client_max_window_bits=7"),
  "another extension": async (lib) => await extensions(lib, "foo"),
  "another extension besides": async (lib) => await extensions(lib, "permessage-deflate,foo"),
  "a subprotocol where none was asked for": async (lib) => {
    const { server, url } = await serve(lib);
    server.on("headers", (lines) => lines.push("Sec-WebSocket-Protocol: foo"));
    return await refused(open(lib, url));
  },
  "a subprotocol that was not offered": async (lib) => {
    const { url } = await serve(lib, { handleProtocols: () => "baz" });
    return await refused(open(lib, url, {}, ["foo", "bar"]));
  },
  "a subprotocol without a name": async (lib) =>
    await refused(open(lib, await accepting("Sec-WebSocket-Protocol:"), {}, ["foo", "bar"])),
  "no subprotocol": async (lib) => {
    const { url } = await serve(lib, { handleProtocols: () => false });
    return await refused(open(lib, url, {}, ["foo", "bar"]));
  },
  "createConnection makes the connection": async (lib) => {
    const server = await http();
    const chat = new lib.WebSocketServer({ noServer: true, path: "/foo" });
    const hosts: unknown[] = [];
    server.on("upgrade", (req, socket, head) => {
      hosts.push(req.headers.host);
      chat.handleUpgrade(req, socket, head, () => {});
    });
    const given: unknown[] = [];
    const client = open(lib, "ws://example.com:22/foo", {
      createConnection: ((options: { host: string; port: number }) => {
        given.push(options.host, Number(options.port));
        return connect((server.address() as AddressInfo).port, "127.0.0.1");
      }) as never,
    });
    await event(client, "open");
    const end = closed(client);
    client.close();
    return [hosts, given, client.url, await end];
  },
  "a redirect is not followed by default": async (lib) =>
    await refused(open(lib, await answering(["HTTP/1.1 301 Moved Permanently", "Location: ws://localhost:8080"]))),
  "a frame that comes with the response": async (lib) => {
    const client = open(lib, await answering([...SWITCHING, "Sec-WebSocket-Accept: ACCEPT"], "\x81\x02hi", false));
    return await event(client, "message");
  },
  "a response with no Upgrade that is read in two pieces": async (lib) => {
    const client = open(lib, await answering(["HTTP/1.1 200 OK", "Content-Length: 2"], "ok"));
    return await refused(client);
  },
  "a server that ends before it responds": async (lib) => {
    const server = await http();
    server.on("upgrade", (_req, socket) => socket.destroy());
    return await refused(open(lib, urlOf(server)));
  },
  "no server": async (lib) => {
    const server = await http();
    const url = urlOf(server);
    await new Promise((resolve) => server.close(resolve));
    const client = open(lib, url);
    const [error, end] = await Promise.all([failed(client), closed(client)]);
    return [(error as { code?: unknown }).code, end];
  },
};
