/** Frames on the wire: what ws's suites of its receiver and sender check, as far as a program can see it. */
import type { ServerOptions } from "ws";
import { until, within } from "../../support/wait.ts";
import { type Cases, closed, frame, type Library, pair, rawClient, serve, shown, socketOf, thrown } from "./kit.ts";

/** What a server reports of bytes that a client sends: messages, pings, errors, the end; and its close frame. */
async function received(
  lib: Library,
  bytes: Uint8Array[],
  options: ServerOptions = {},
  headers = "",
): Promise<unknown> {
  const { server, url } = await serve(lib, options);
  const log: unknown[] = [];
  server.on("connection", (ws) => {
    for (const name of ["message", "ping", "pong", "error"] as const) {
      ws.on(name, (...all: unknown[]) => log.push([name, ...all.map(shown)]));
    }
    ws.on("close", (code, reason) => log.push(["close", code, String(reason)]));
  });
  const { socket, received: answer } = await rawClient(url, headers);
  for (const part of bytes) {
    socket.write(part);
    if (bytes.length > 1) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  socket.write(frame(0x88, "", true));
  await until(() => log.some((it) => (it as unknown[])[0] === "close"), "an end");
  return [log, [...answer().subarray(0, 4)]];
}

/** As `received`, of one frame or more that are sent at once. */
const of =
  (...frames: Uint8Array[]) =>
  (lib: Library) =>
    received(lib, [Buffer.concat(frames)]);

/** What a client reports of an unmasked frame. */
const fromServer = (bytes: Uint8Array) => async (lib: Library) => {
  const { client, peer } = await pair(lib);
  const log: unknown[] = [];
  client.on("message", (...all) => log.push(all.map(shown)));
  client.on("error", (error) => log.push(shown(error)));
  const end = closed(client);
  socketOf(peer).write(bytes);
  peer.close();
  return [await end, log];
};

const bytes = (hex: string) => Buffer.from(hex, "hex");
const text = (size: number) => "A".repeat(size);
const masked = (first: number, payload: string | Uint8Array = "") => frame(first, payload, true);

/** With compression. */
const deflated =
  (...frames: Uint8Array[]) =>
  (lib: Library) =>
    received(
      lib,
      [Buffer.concat(frames)],
      { perMessageDeflate: true },
      "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    );

/** With options of the server. */
const within_ =
  (options: ServerOptions, ...frames: Uint8Array[]) =>
  (lib: Library) =>
    received(lib, [Buffer.concat(frames)], options);

/** How a client and a server send a control frame. */
async function control(lib: Library, how: "ping" | "pong", data: unknown): Promise<unknown> {
  const { client, peer } = await pair(lib);
  const got = new Promise((resolve) => peer.on(how, (payload) => resolve(shown(payload))));
  client[how](data);
  return await within(got, how);
}

export const frames: Cases = {
  "an unmasked text message": fromServer(bytes("810548656c6c6f")),
  "a close frame": of(),
  "a close frame in pieces": (lib) => received(lib, [bytes("8882"), bytes("00000000"), bytes("03"), bytes("e8")]),
  "a masked text message": of(bytes("81933483a86801b992524fa1c60959e68a5216e6cb005ba1d5")),
  "a masked text message of more than 125 bytes": of(masked(0x81, text(200))),
  "a text message of 64 kilobytes": of(masked(0x81, text(64 * 1024))),
  "a message in fragments": of(masked(0x01, text(150)), masked(0x80, text(150))),
  "a ping": of(masked(0x89, "Hello")),
  "a ping without data": of(masked(0x89)),
  "a ping within a message": of(masked(0x01, text(150)), masked(0x89, "Hello"), masked(0x80, text(150))),
  "a ping within a message, byte by byte": (lib) => {
    const all = Buffer.concat([masked(0x01, "half "), masked(0x89, "Hello"), masked(0x80, "and half")]);
    return received(
      lib,
      [...all].map((byte) => Buffer.from([byte])),
    );
  },
  "100 bytes": of(masked(0x82, text(100))),
  "256 bytes": of(masked(0x82, text(256))),
  "200 kilobytes": of(masked(0x82, text(200 * 1024))),
  "200 kilobytes, unmasked": fromServer(frame(0x82, text(200 * 1024))),
  "a compressed message": deflated(masked(0xc1, bytes("f248cdc9c90700"))),
  "a compressed message in fragments": deflated(masked(0x41, bytes("f248cdc9")), masked(0x80, bytes("c90700"))),
  "thousands of frames": async (lib) => {
    const { server, url } = await serve(lib);
    let count = 0;
    const end = new Promise((resolve) => {
      server.on("connection", (ws) => {
        ws.on("message", () => {
          count += 1;
        });
        ws.on("close", (code) => resolve(code));
      });
    });
    const { socket } = await rawClient(url);
    socket.write(Buffer.concat([...Array.from({ length: 5000 }, () => masked(0x82)), masked(0x88)]));
    return [await within(end, "an end"), count];
  },
  "maxPayload: each message alone": within_(
    { maxPayload: 10 },
    masked(0x81, "Hello"),
    masked(0x81, "Hello"),
    masked(0x81, "Hello"),
  ),
  "maxPayload: each message in fragments": within_(
    { maxPayload: 10 },
    ...Array.from({ length: 3 }, () => [masked(0x01, "Hell"), masked(0x80, "o")]).flat(),
  ),
  "maxPayload: with pings within": within_(
    { maxPayload: 10 },
    ...Array.from({ length: 2 }, () => [masked(0x02, "Hell"), masked(0x89, "ping"), masked(0x80, "o")]).flat(),
  ),
  "nothing behind a close frame": of(masked(0x88), masked(0x81, "late")),
  "RSV1 without compression": of(masked(0xc2)),
  "RSV1 in a continuation": deflated(masked(0x01, "a"), masked(0xc0)),
  RSV2: of(masked(0xa2)),
  RSV3: of(masked(0x92)),
  "a continuation of nothing": of(masked(0x00)),
  "text within a message": of(masked(0x01, "a"), masked(0x01, "b")),
  "bytes within a message": of(masked(0x01, "a"), masked(0x02, "b")),
  "a fragment of a ping": of(masked(0x09)),
  "RSV1 in a ping": deflated(masked(0xc9)),
  "a fragment of a close frame": of(masked(0x08)),
  "an unmasked frame of a client": of(frame(0x81, "hi")),
  "a masked frame of a server": fromServer(masked(0x81, "hi")),
  "a ping of 126 bytes": of(masked(0x89, text(126))),
  "a length of more than 2^53 - 1": of(bytes("82ff002000000000000000000000")),
  "text that is not UTF-8": of(masked(0x81, bytes("cebae1bdb9cf83cebcceb5eda080656469746564"))),
  "text that is not UTF-8, in fragments": of(
    masked(0x01, bytes("cebae1bdb9cf83cebcceb5ed")),
    masked(0x80, bytes("a080656469746564")),
  ),
  "a close frame of one byte": of(masked(0x88, bytes("00"))),
  "a close frame with a wrong code": of(masked(0x88, bytes("0000"))),
  "a close frame whose reason is not UTF-8": of(masked(0x88, bytes("03e8f8a1a1a1a1"))),
  "maxPayload: a frame that is too large": within_({ maxPayload: 20 }, masked(0x82, text(21))),
  "maxPayload: a compressed message that is too large": (lib) => {
    const headers = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    return received(
      lib,
      [masked(0xc1, bytes("f248cdc9c9571807000000ffff"))],
      { perMessageDeflate: true, maxPayload: 4 },
      headers,
    );
  },
  "maxPayload: fragments that are too large together": within_(
    { maxPayload: 10 },
    masked(0x02, text(6)),
    masked(0x80, text(6)),
  ),
  "maxFragments: too many": {
    differs: "the code of the close frame is that of a message that is too large, 1009; `ws` sends 1008",
    run: within_({ maxFragments: 2 } as ServerOptions, masked(0x02, "a"), masked(0x00, "b"), masked(0x80, "c")),
  },
  "maxFragments: as many": within_(
    { maxFragments: 3 } as ServerOptions,
    masked(0x02, "a"),
    masked(0x00, "b"),
    masked(0x80, "c"),
  ),
  "skipUTF8Validation: text": {
    differs: "the engine validates while it unmasks; text is always UTF-8",
    run: within_({ skipUTF8Validation: true }, masked(0x81, bytes("f8"))),
  },
  "skipUTF8Validation: the reason of a close frame": {
    differs: "the engine validates while it unmasks; a reason is always UTF-8",
    run: within_({ skipUTF8Validation: true }, masked(0x88, bytes("03e8f8"))),
  },
  "a length that is not in its shortest form": {
    differs: "RFC 6455 5.2 demands the shortest form; `ws` accepts others",
    run: of(bytes("82fe000200000000"), Buffer.from("hi")),
  },
  "ping: a string": (lib) => control(lib, "ping", "hi"),
  "ping: a typed array": (lib) => control(lib, "ping", Uint8Array.of(0x68, 0x69)),
  "ping: an ArrayBuffer": (lib) => control(lib, "ping", Uint8Array.of(0x68, 0x69).buffer),
  "ping: a Blob": (lib) => control(lib, "ping", new Blob(["hi"])),
  "pong: a string": (lib) => control(lib, "pong", "hi"),
  "pong: a typed array": (lib) => control(lib, "pong", Uint8Array.of(0x68, 0x69)),
  "pong: an ArrayBuffer": (lib) => control(lib, "pong", Uint8Array.of(0x68, 0x69).buffer),
  "pong: a Blob": (lib) => control(lib, "pong", new Blob(["hi"])),
  "close: a code that is none": async (lib) => {
    const codes = ["error", 1004];
    const results: unknown[] = [];
    for (const code of codes) {
      const { client } = await pair(lib);
      results.push(thrown(() => client.close(code as number)));
    }
    return results;
  },
  "close: a reason that is none": async (lib) => {
    const { client } = await pair(lib);
    return (thrown(() => client.close(1000, {} as string)) as { name: string }).name;
  },
  "close: a reason of 124 bytes": async (lib) => {
    const { client } = await pair(lib);
    return thrown(() => client.close(1000, text(124)));
  },
};
