/** What a listener sends while it is given a message leaves before the end that came behind it, joined or split. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { net, ws } from "twinwire/handles";
import { atEnd, endPeers, rawWsPeer, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, until } from "../support/wait.ts";

afterEach(endPeers);

const text = (value: string): Buffer => Buffer.concat([Buffer.of(0x81, value.length), Buffer.from(value)]);
const closeFrame = Buffer.of(0x88, 2, 0x03, 0xe8);
const brokenFrame = Buffer.of(0x83, 0);

/** The payloads of the text frames of a client, RFC 6455 5.3. All are shorter than 126 bytes. */
function texts(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 6 <= bytes.length; ) {
    const size = (bytes[at + 1] as number) & 0x7f;
    const mask = bytes.subarray(at + 2, at + 6);
    const payload = bytes.subarray(at + 6, at + 6 + size).map((byte, index) => byte ^ (mask[index & 3] as number));
    if (bytes[at] === 0x81) found.push(Buffer.from(payload).toString());
    at += 6 + size;
  }
  return found;
}

/** Sends the parts in as few segments as possible, or one after the other. */
async function send(socket: Socket, parts: readonly Buffer[], how: string): Promise<void> {
  if (how === "joined") {
    socket.write(Buffer.concat(parts));
    return;
  }
  for (const part of parts) {
    socket.write(part);
    await pause(15);
  }
}

describe.each(["joined", "split"])("%s", (how) => {
  test.each<[string, Buffer | "FIN"]>([
    ["a close frame", closeFrame],
    ["a broken frame", brokenFrame],
    ["FIN", "FIN"],
  ])("messages and %s", async (_what, end) => {
    const got: Buffer[] = [];
    const { port } = await rawWsPeer(async (socket) => {
      socket.on("data", (data) => got.push(data));
      const last = end === "FIN" ? [] : [end];
      await send(socket, [text("one"), text("two"), ...last], how);
      setTimeout(() => socket.end(), end === "FIN" ? 0 : 200); /* the server ends TCP, RFC 6455 7.1.1 */
    });
    const conn = ws.open(`ws://127.0.0.1:${port}/`);
    atEnd(() => ws.close(conn));
    const sent: number[] = [];
    const events = new Inbox<string>("an event");
    ws.on(conn, "message", ({ message }) => {
      sent.push(ws.send(conn, `got ${message}`));
    });
    ws.on(conn, "disconnected", ({ clean, code }) => events.push(`${clean} ${code}`));
    await events.next();
    expect(sent).toEqual([7, 7]);
    await until(() => texts(Buffer.concat(got)).length === 2, "the answers");
    expect(texts(Buffer.concat(got))).toEqual(["got one", "got two"]);
  });

  test("bytes of a stream and FIN", async () => {
    let got = "";
    const { port } = await tcpPeer(
      async (socket) => {
        socket.on("data", (data) => {
          got += data;
        });
        await send(socket, [Buffer.from("one"), Buffer.from("two")], how);
        socket.end();
      },
      { allowHalfOpen: true },
    );
    const sock = net.tcpConnect("127.0.0.1", port);
    const observed: string[] = [];
    const sent: number[] = [];
    const events = new Inbox<string>("an event");
    net.on(sock, "data", ({ data }) => {
      observed.push(String(data));
      sent.push(net.send(sock, `got ${data};`));
    });
    net.on(sock, "disconnected", ({ clean, unsent }) => events.push(`${clean} ${unsent}`));
    expect(await events.next()).toBe("true 0");
    /* On a busy machine the system may join what was written apart. */
    expect(observed.join("")).toBe("onetwo");
    const answers = observed.map((data) => `got ${data};`).join("");
    await until(() => got === answers, "the answers");
    expect(sent.every((size) => size > 0)).toBe(true);
  });

  test("what was sent arrives although the peer keeps sending when the socket is closed", async () => {
    let got = 0;
    const ended = new Inbox<string>("the end of the peer");
    const { port } = await tcpPeer(
      (socket) => {
        socket.on("data", (data) => {
          got += data.length;
          socket.pause();
          setTimeout(() => socket.resume(), 2);
        });
        socket.on("error", () => ended.push("error"));
        const more = setInterval(() => socket.write(Buffer.alloc(10_000)), 2);
        socket.on("end", () => {
          clearInterval(more);
          socket.end(() => ended.push("end"));
        });
        socket.on("close", () => clearInterval(more));
      },
      { allowHalfOpen: true },
    );
    const sock = net.tcpConnect("127.0.0.1", port);
    const ends = new Inbox<object>("disconnected");
    net.on(sock, "connected", () => {
      net.send(sock, Buffer.alloc(1_000_000));
      if (how === "joined") net.close(sock);
      else setTimeout(() => net.close(sock), 50);
    });
    net.on(sock, "disconnected", ends.push);
    expect(await ended.next()).toBe("end");
    expect(got).toBe(1_000_000);
    expect(await ends.next()).toMatchObject({ clean: true, unsent: 0 });
  });
});
