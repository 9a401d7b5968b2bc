/**
 * A result is ok exactly when the connection API does not throw: the same random operations on both APIs, each against a peer
 * of its own that does the same, come to the same.
 */
import type { Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { type Conn, TcpConnection, TcpServer, TwinwireError, UdpSocket } from "twinwire";
import { type Result, UdpSocket as ResultUdp, TcpListener, TcpStream, unwrap } from "twinwire/result";
import { atEnd, endPeers, tcpPeer } from "../support/peers.ts";
import { Inbox, pause, within } from "../support/wait.ts";

afterEach(endPeers);

/** Numbers that are the same in every run of a seed, mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What an operation came to, without what differs by chance: ports, and how a stream was cut into chunks. */
type Outcome = { ok: true; value: unknown } | { ok: false; code: string };

async function ofMain(call: () => unknown): Promise<Outcome> {
  try {
    return { ok: true, value: await within(Promise.resolve(call()), "the connection API") };
  } catch (error) {
    if (!(error instanceof TwinwireError)) throw error;
    return { ok: false, code: error.code };
  }
}

async function ofResult(call: () => Result<unknown> | Promise<Result<unknown>>): Promise<Outcome> {
  const result = await within(Promise.resolve(call()), "the result API");
  if (result.ok) return { ok: true, value: result.value };
  return { ok: false, code: /^ERR_\w+/.exec(result.error)?.[0] ?? result.error };
}

function plain(outcome: Outcome): unknown {
  if (!outcome.ok) return outcome;
  const { value } = outcome;
  if (value instanceof Uint8Array) return { ok: true, value: Buffer.from(value).toString("hex") };
  return { ok: true, value: typeof value === "string" ? value.replace(/\d+$/, "port") : value };
}

interface Ends {
  readonly main: Conn;
  readonly mainPeer: Socket;
  readonly stream: TcpStream;
  readonly streamPeer: Socket;
}

async function connectBoth(): Promise<Ends> {
  const accepted = new Inbox<Socket>("a connection");
  const { port } = await tcpPeer(accepted.push, { allowHalfOpen: true });
  const main = new TcpConnection("127.0.0.1", port);
  const mainPeer = await accepted.next();
  await main.opened;
  const stream = unwrap(await TcpStream.connect(`127.0.0.1:${port}`));
  const streamPeer = await accepted.next();
  for (const peer of [mainPeer, streamPeer]) peer.resume();
  atEnd(() => main.close());
  atEnd(() => stream.close());
  return { main, mainPeer, stream, streamPeer };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("streams, seed %i", async (seed) => {
  const random = randomOf(seed);
  const { main, mainPeer, stream, streamPeer } = await connectBoth();
  let waiting = 0;
  let ended = false;
  const compare = async (what: string, one: () => unknown, two: () => Result<unknown> | Promise<Result<unknown>>) => {
    const [ours, theirs] = await Promise.all([ofMain(one), ofResult(two)]);
    expect([what, plain(theirs)]).toEqual([what, plain(ours)]);
  };
  const sizes = [0, -1, 1.5, 1, 3, 100, 70_000, 2 ** 31, Number.NaN];
  for (let step = 0; step < 60; step++) {
    switch (random(10)) {
      case 0:
      case 1: {
        if (ended) break;
        const data = Buffer.alloc(1 + random(5000), random(256));
        for (const peer of [mainPeer, streamPeer]) if (peer.writable) peer.write(data);
        waiting += data.length;
        /* Both have all of it, so that chunks can't differ. */
        await pause(15);
        break;
      }
      case 2:
      case 3:
      case 4: {
        const size = sizes[random(sizes.length)] as number;
        const valid = Number.isInteger(size) && size > 0 && size < 2 ** 31;
        if (valid && waiting === 0 && !ended) break; /* it would wait for ever */
        const before = waiting;
        await compare(
          `read ${size}`,
          async () => {
            const got = await main.read(size);
            waiting = before - got.length;
            return got;
          },
          () => stream.read(size),
        );
        break;
      }
      case 5:
      case 6: {
        const data = Array.from({ length: random(4000) }, () => random(256));
        await compare(
          `write ${data.length}`,
          () => main.write(Uint8Array.from(data)),
          () => stream.write(data),
        );
        break;
      }
      case 7:
        await compare(
          "peer_addr",
          () => main.remoteAddr(),
          () => stream.peer_addr(),
        );
        await compare(
          "local_addr",
          () => main.localAddr(),
          () => stream.local_addr(),
        );
        break;
      case 8:
        if (random(6) > 0 || ended) break;
        ended = true;
        for (const peer of [mainPeer, streamPeer]) peer.end();
        await pause(15);
        break;
      case 9:
        if (random(12) > 0) break;
        if (random(2) === 0) {
          main.close();
          stream.close();
        } else {
          for (const peer of [mainPeer, streamPeer]) peer.resetAndDestroy();
        }
        ended = true;
        await pause(15);
        break;
    }
  }
});

test.each([1, 2, 3])("opening, listening and datagrams, seed %i", async (seed) => {
  const random = randomOf(seed * 7919);
  const server = new TcpServer("127.0.0.1", 0);
  const listener = unwrap(await TcpListener.bind("127.0.0.1:0"));
  await server.opened;
  const main = new UdpSocket("127.0.0.1", 0);
  const other = unwrap(await ResultUdp.bind("127.0.0.1:0"));
  for (const it of [server, listener, main, other]) atEnd(() => it.close());
  const used = server.addr();
  const hosts = ["127.0.0.1", "localhost", "no-such-host.invalid", ""];
  const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T;
  for (let step = 0; step < 40; step++) {
    const [ours, theirs] = await (async (): Promise<[Outcome, Outcome]> => {
      const host = pick(hosts);
      const port = pick([0, 1, 65_536, Number(used.split(":")[1])]);
      switch (random(5)) {
        case 0: {
          const conn = new TcpConnection(host, port);
          const one = await ofMain(() => conn.opened);
          conn.close();
          const two = await ofResult(() => TcpStream.connect(`${host}:${port}`));
          if (two.ok) (two.value as TcpStream).close();
          return [one, two.ok ? { ok: true, value: undefined } : two];
        }
        case 1: {
          const local = pick(["127.0.0.1", "no-such-host.invalid", "192.0.2.1"]);
          const again = new TcpServer(local, port);
          const one = await ofMain(() => again.opened);
          again.close();
          await pause(5);
          const two = await ofResult(() => TcpListener.bind(`${local}:${port}`));
          if (two.ok) (two.value as TcpListener).close();
          return [one, two.ok ? { ok: true, value: undefined } : two];
        }
        case 2: {
          const data = Buffer.alloc(pick([0, 1, 1000, 65_507, 65_508]), step);
          const to = pick(["127.0.0.1", "no-such-host.invalid"]);
          return [
            await ofMain(() => main.sendTo(data, to, port)),
            await ofResult(() => other.send_to(data, `${to}:${port}`)),
          ];
        }
        case 3: {
          const size = pick([-1, 0.5, 65_536]);
          return [await ofMain(() => main.recvFrom(size)), await ofResult(() => other.recv_from(size))];
        }
        default:
          if (random(8) === 0) {
            main.close();
            other.close();
          }
          return [await ofMain(() => main.localAddr()), await ofResult(() => other.local_addr())];
      }
    })();
    expect([step, plain(theirs)]).toEqual([step, plain(ours)]);
  }
});
