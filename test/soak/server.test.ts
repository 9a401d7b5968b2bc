/** A server with a thousand clients, ours and those of `ws`: broadcasts, half of them vanish, all ends orderly. */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { limits, type ServerSocket, WebSocket, WebSocketServer } from "twinwire";
import { WebSocket as WsClient } from "ws";
import { endPeers, tcpPeer } from "../support/peers.ts";
import { pause, until, within } from "../support/wait.ts";

const COUNT = 1000;
const HALF = COUNT / 2;
const ROUNDS = 4;
/** How long something with a thousand connections may take, in ms, if the machine has other work. */
const LONG = 120_000;
const AT_ONCE = 50; // a divisor of a quarter

/** What a client observed, whichever it is. */
interface Client {
  observed: number;
  wrong: number;
  closed: Promise<number>;
}

/** Messages that grow. */
const message = (round: number): string => `${round}:`.padEnd(10 ** (round + 1), "ü");

let server: WebSocketServer;
const ends: { code: number; error: string | undefined }[] = [];

beforeAll(async () => {
  /* Both ends of our own clients have a place, and not many are left. */
  limits({ sockets: 2 * COUNT, webSockets: 2 * COUNT, connectTimeoutMs: LONG, handshakeTimeoutMs: LONG });
  server = new WebSocketServer("127.0.0.1", 0, {
    listen: { backlog: COUNT },
    heartbeat: { intervalMs: 1_000, timeoutMs: 6_000 },
    onConnection: (socket: ServerSocket) => {
      socket.closed.then(({ code, error }) => ends.push({ code, error: error?.code }));
    },
  });
  await server.opened;
});

afterAll(async () => {
  await server.close({ graceMs: 100 });
  await endPeers();
});

function listenTo(client: Client, data: unknown): void {
  if (String(data) !== message(client.observed % ROUNDS)) client.wrong += 1;
  client.observed += 1;
}

async function ours(url: string): Promise<Client> {
  const ws = new WebSocket(url);
  const client = { observed: 0, wrong: 0, closed: ws.closed.then(({ code }) => code) };
  ws.onmessage = ({ data }) => listenTo(client, data);
  await within(ws.opened, "open", LONG);
  return client;
}

async function theirs(url: string): Promise<Client> {
  const ws = new WsClient(url, { perMessageDeflate: false });
  const closed = new Promise<number>((resolve) => ws.on("close", resolve));
  const client = { observed: 0, wrong: 0, closed };
  ws.on("message", (data) => listenTo(client, data));
  ws.on("error", () => {});
  await within(new Promise((resolve) => ws.once("open", resolve)), "open", LONG);
  return client;
}

/** So many clients, some at a time. */
async function many(count: number, make: () => Promise<Client>): Promise<Client[]> {
  const ears: Client[] = [];
  while (ears.length < count) ears.push(...(await Promise.all(Array.from({ length: AT_ONCE }, make))));
  return ears;
}

test(
  "connects, greets, misses and ends a thousand clients",
  async () => {
    /* Half of them come through a cable that can be cut: bytes stop on both sides, and no end is reported. */
    const cables: Socket[] = [];
    let cut = false;
    const port = Number(server.addr().split(":")[1]);
    const cable = await tcpPeer((near) => {
      const far = connect(port, "127.0.0.1");
      far.on("error", () => {});
      far.on("close", () => near.destroy());
      near.on("close", () => far.destroy());
      near.on("data", (bytes) => cut || far.write(bytes));
      far.on("data", (bytes) => cut || near.write(bytes));
      cables.push(far);
    });
    const direct = `ws://${server.addr()}/`;
    const through = `ws://127.0.0.1:${cable.port}/`;

    const stay = [...(await many(HALF / 2, () => ours(direct))), ...(await many(HALF / 2, () => theirs(direct)))];
    const leave = [...(await many(HALF / 2, () => ours(through))), ...(await many(HALF / 2, () => theirs(through)))];
    await until(() => server.clients.size === COUNT, "a thousand clients", LONG);

    for (let round = 0; round < ROUNDS; round++) {
      expect(server.broadcast(message(round))).toEqual({ sent: COUNT, skipped: [] });
      await until(() => [...stay, ...leave].every(({ observed }) => observed === round + 1), `round ${round}`, LONG);
    }
    expect([...stay, ...leave].filter(({ wrong }) => wrong > 0)).toEqual([]);

    cut = true;
    await until(() => server.clients.size === HALF, "the heartbeat to notice", LONG);
    expect(cables.length).toBe(HALF);
    expect(ends).toEqual(Array.from({ length: HALF }, () => ({ code: 1006, error: "ERR_HEARTBEAT" })));
    await pause(20);
    expect(server.clients.size).toBe(HALF);

    expect(server.broadcast(message(0)).sent).toBe(HALF);
    await until(() => stay.every(({ observed }) => observed === ROUNDS + 1), "those who stayed", LONG);
    ends.length = 0;
    await within(server.close({ reason: "good night" }), "the end", LONG);
    expect(await within(Promise.all(stay.map(({ closed }) => closed)), "all of them", LONG)).toEqual(
      stay.map(() => 1001),
    );
    expect(ends).toEqual(stay.map(() => ({ code: 1001, error: undefined })));
    expect(server.clients.size).toBe(0);
    /* Those that lost their cable are reported as lost. */
    expect(await within(Promise.all(leave.map(({ closed }) => closed)), "the lost", LONG)).toEqual(
      leave.map(() => 1006),
    );
  },
  4 * LONG,
);
