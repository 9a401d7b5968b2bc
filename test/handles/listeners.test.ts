/** Who receives what: the forms in which a listener gets data, the order of listeners, and taking them off again. */
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  defineEvent,
  type ErrorCode,
  type EventContext,
  type ListenerOptions,
  lastError,
  net,
  ws,
} from "twinwire/handles";
import type { WebSocket } from "ws";
import { atEnd, endPeers, tcpPeer, wsPeer } from "../support/peers.ts";
import { Inbox, until } from "../support/wait.ts";

afterEach(endPeers);

async function tcpPair(): Promise<{ sock: number; peer: Socket }> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push);
  const sock = net.tcpConnect("127.0.0.1", port);
  atEnd(() => net.close(sock));
  return { sock, peer: await accepted.next() };
}

async function wsPair(): Promise<{ conn: number; peer: WebSocket }> {
  const accepted = new Inbox<WebSocket>("a connection");
  const { url } = await wsPeer(accepted.push);
  const conn = ws.open(url);
  atEnd(() => ws.close(conn));
  return { conn, peer: await accepted.next() };
}

function refused(result: number, code: ErrorCode): void {
  expect([result, lastError()?.code]).toEqual([-1, code]);
}

describe("the form of data", () => {
  test("of a message: as it was sent, or always text, or always bytes", async () => {
    const { conn, peer } = await wsPair();
    const observed = new Inbox<unknown[]>("a message");
    const sent: string[] = [];
    ws.on(conn, "message", ({ message }) => observed.push(["as sent", message]));
    ws.on(
      conn,
      "message",
      ({ message }, { binary, bytes }) => {
        sent.push(message.toUpperCase());
        observed.push(["text", message, binary, [...bytes]]);
      },
      { text: true },
    );
    ws.on(conn, "message", ({ message }) => observed.push(["bytes", message.subarray(0, 2)]), { binary: true });
    peer.send("añb");
    peer.send(Buffer.of(0x61, 0xff));
    const first = Buffer.from("añb");
    expect([await observed.next(), await observed.next(), await observed.next()]).toEqual([
      ["as sent", "añb"],
      ["text", "añb", false, [...first]],
      ["bytes", first.subarray(0, 2)],
    ]);
    expect([await observed.next(), await observed.next(), await observed.next()]).toEqual([
      ["as sent", Buffer.of(0x61, 0xff)],
      ["text", "a\ufffd", true, [0x61, 0xff]],
      ["bytes", Buffer.of(0x61, 0xff)],
    ]);
    expect(sent).toEqual(["AÑB", "A\ufffd"]);
  });

  test("of a message in parts", async () => {
    const { conn, peer } = await wsPair();
    const observed = new Inbox<unknown>("a message");
    ws.on(conn, "message", (e) => observed.push(e.message), { text: true });
    ws.on(conn, "message", (e) => observed.push(e.message), { binary: true });
    peer.send(Buffer.of(0xc3), { binary: true, fin: false });
    peer.send(Buffer.of(0xb1), { fin: true });
    expect(await observed.next()).toBe("ñ");
    expect(await observed.next()).toEqual(Buffer.of(0xc3, 0xb1));
  });

  test("of a stream: text, as also if text is asked for, or bytes", async () => {
    const { sock, peer } = await tcpPair();
    const observed = new Inbox<unknown>("data");
    const options: ListenerOptions = { binary: true };
    net.on(sock, "data", (e) => observed.push(e.data.length), { text: true });
    net.on(sock, "data", (e) => observed.push(e.data), options);
    peer.write("ñ");
    expect(await observed.next()).toBe(1);
    expect(await observed.next()).toEqual(Buffer.from("ñ"));
  });

  test("is not asked for twice, and not of an event without data", async () => {
    const { sock, peer } = await tcpPair();
    const both: object = { binary: true, text: true };
    refused(
      net.on(sock, "data", () => {}, both),
      "ERR_ARGUMENT",
    );
    const observed = new Inbox<unknown>("an event");
    const bytes: object = { binary: true };
    expect(net.on(sock, "disconnected", observed.push, bytes)).toBe(0);
    peer.end();
    expect(await observed.next()).toMatchObject({ sock, clean: true });
  });

  test("has the right type", () => {
    const text = (_: { message: string }): void => {};
    const bytes = (_: { message: Uint8Array }): void => {};
    const chunk = (_: { data: string }): void => {};
    const flag: boolean = Date.now() > 0;
    const all = [
      ws.on(1, "message", text, { text: true }),
      ws.on(1, "message", bytes, { binary: true }),
      // @ts-expect-error a message may be binary
      ws.on(1, "message", text),
      // @ts-expect-error a message may be text
      ws.on(1, "message", bytes),
      // @ts-expect-error text is asked for
      ws.on(1, "message", bytes, { text: true }),
      // @ts-expect-error not both
      ws.on(1, "message", text, { text: true, binary: true }),
      net.on(1, "data", chunk, { binary: false }),
      // @ts-expect-error bytes are asked for
      net.on(1, "data", chunk, { binary: true }),
      // @ts-expect-error bytes may be asked for
      net.on(1, "data", chunk, { binary: flag }),
      net.on(1, "data", ({ data }: { data: string | Uint8Array }) => data.length, { binary: flag }),
    ];
    expect(all).toEqual(all.map(() => -1));
  });
});

test("listeners of one event are called in the order in which they were added, whatever they are", async () => {
  const { conn, peer } = await wsPair();
  const observed = new Inbox<string>("a message");
  const WsMessage = defineEvent("WsMessage", { message: "string" });
  WsMessage.on(() => observed.push("typed 1"));
  ws.on(conn, "message", () => observed.push("bytes"), { binary: true });
  ws.on(conn, "message", WsMessage);
  ws.on(conn, "message", () => observed.push("plain"));
  ws.on(conn, "message", WsMessage);
  WsMessage.on(() => observed.push("typed 2"));
  ws.on(conn, "message", () => observed.push("last"), { text: true });
  peer.send("x");
  for (const who of ["bytes", "typed 1", "typed 2", "plain", "last"]) expect(await observed.next()).toBe(who);
  expect(observed.all).toHaveLength(5);
});

describe("off", () => {
  test("takes off what was added, in any form, and nothing else", async () => {
    const { conn, peer } = await wsPair();
    const observed = new Inbox<string>("a message");
    const WsMessage = defineEvent("WsMessage", { message: "string" });
    WsMessage.on(() => observed.push("typed"));
    const plain = (_: { message: string | Uint8Array }): number => observed.all.push("plain");
    const text = (): number => observed.all.push("text");
    const bytes = (): number => observed.all.push("bytes");
    ws.on(conn, "message", WsMessage);
    ws.on(conn, "message", plain);
    ws.on(conn, "message", text, { text: true });
    ws.on(conn, "message", bytes, { binary: true });
    const last = new Inbox<string>("the last listener");
    ws.on(conn, "message", (e) => last.push(e.message), { text: true });
    const round = async (): Promise<string[]> => {
      peer.send("x");
      await last.next();
      return observed.all.splice(0);
    };
    expect(await round()).toEqual(["typed", "plain", "text", "bytes"]);
    expect(ws.off(conn, "message", WsMessage)).toBe(0);
    expect(await round()).toEqual(["plain", "text", "bytes"]);
    expect(ws.off(conn, "message", text)).toBe(0);
    expect(await round()).toEqual(["plain", "bytes"]);
    expect(ws.off(conn, "message", plain)).toBe(0);
    expect(ws.off(conn, "message", bytes)).toBe(0);
    expect(await round()).toEqual([]);
    expect(ws.on(conn, "message", WsMessage)).toBe(0);
    expect(await round()).toEqual(["typed"]);
  });

  test("takes what was added twice off one by one, and says when it is not there", async () => {
    const { sock, peer } = await tcpPair();
    const observed = new Inbox<string>("data");
    const again = (e: { data: string }): void => observed.push(`again ${e.data}`);
    const once = (e: { data: string }): void => observed.push(`once ${e.data}`);
    net.on(sock, "data", again);
    net.on(sock, "data", once);
    net.on(sock, "data", again);
    expect(net.off(sock, "data", again)).toBe(0);
    peer.write("1");
    expect([await observed.next(), await observed.next()]).toEqual(["again 1", "once 1"]);
    expect(net.off(sock, "data", again)).toBe(0);
    refused(net.off(sock, "data", again), "ERR_ARGUMENT");
    refused(net.off(sock, "connected", once), "ERR_ARGUMENT");
    peer.write("2");
    expect(await observed.next()).toBe("once 2");
    expect(observed.all).toHaveLength(3);
  });

  test("inside a listener it holds from the next event on", async () => {
    const { sock, peer } = await tcpPair();
    const observed = new Inbox<string>("data");
    const second = (e: { data: string }): void => observed.push(`second ${e.data}`);
    const first = (e: { data: string }): void => {
      observed.push(`first ${e.data}`);
      net.off(sock, "data", first);
      net.off(sock, "data", second);
    };
    net.on(sock, "data", first);
    net.on(sock, "data", second);
    net.on(sock, "data", (e) => observed.push(`third ${e.data}`));
    peer.write("1");
    expect([await observed.next(), await observed.next(), await observed.next()]).toEqual([
      "first 1",
      "second 1",
      "third 1",
    ]);
    peer.write("2");
    expect(await observed.next()).toBe("third 2");
    expect(observed.all).toHaveLength(4);
  });

  test("leaves no half of a character behind for one who listens later", async () => {
    const { sock, peer } = await tcpPair();
    const bytes = new Inbox<unknown>("bytes");
    net.on(sock, "data", bytes.push, { binary: true });
    const early = (): void => {};
    net.on(sock, "data", early);
    peer.write(Buffer.of(0xe2, 0x82));
    await bytes.next();
    net.off(sock, "data", early);
    peer.write(Buffer.of(0xac));
    await bytes.next();
    const texts = new Inbox<string>("text");
    net.on(sock, "data", (e) => texts.push(e.data));
    peer.write("A");
    expect(await texts.next()).toBe("A");
  });

  test("is for events of every kind, of net and of ws", async () => {
    const { conn, peer } = await wsPair();
    const observed: string[] = [];
    const listener = (_: object, { handle }: EventContext): void => void observed.push(`${handle}`);
    const events = ["connected", "disconnected", "error", "drain", "closing", "ping", "pong", "message"] as const;
    for (const event of events) {
      expect(ws.on(conn, event, listener)).toBe(0);
      expect(ws.off(conn, event, listener)).toBe(0);
    }
    peer.ping();
    peer.send("x");
    peer.close(4000);
    await until(() => ws.state(conn) === "closed", "the end");
    expect(observed).toEqual([]);
    const udp = net.udpOpen(0);
    atEnd(() => net.close(udp));
    for (const event of ["datagram", "drain", "error"] as const) {
      expect(net.on(udp, event, listener)).toBe(0);
      expect(net.off(udp, event, listener)).toBe(0);
    }
  });

  test("of what is none is refused", async () => {
    const { sock } = await tcpPair();
    const listener = (): void => {};
    for (const event of ["message", "", "Data", "__proto__", 7, null, undefined]) {
      refused((net.off as (...them: unknown[]) => number)(sock, event, listener), "ERR_EVENT");
    }
    for (const target of [undefined, null, 7, {}, "data"]) {
      refused((net.off as (...them: unknown[]) => number)(sock, "data", target), "ERR_ARGUMENT");
    }
    refused(ws.off(sock, "message", listener), "ERR_HANDLE");
    net.close(sock);
    refused(net.off(sock, "data", listener), "ERR_HANDLE");
  });
});
