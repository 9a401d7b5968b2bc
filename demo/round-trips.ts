import { defineEvent, net } from "twinwire/handles";
import { Diary } from "./diary.ts";
import { Peer } from "./peer.ts";
import { duration, logSparkline, median } from "./picture.ts";
import type { Story } from "./story.ts";

const TRIPS = 24;
/** Not only ASCII: characters of one to four bytes. */
const greeting = (n: number): string => `${n}: hello, wörld → 🌍`;

/* Declared as in the language that these events come from: the core compares names, types and order of the fields. */
const NetDatagram = defineEvent("NetDatagram", { data: "string", addr: "string", port: "i32" });

/** A line goes out and comes back, over TCP and then over UDP, again and again. */
export async function roundTrips(story: Story): Promise<void> {
  const server = await Peer.start("echo-server");
  const [tcpPort = 0, udpPort = 0] = server.ports;
  try {
    await overTcp(story, tcpPort);
    await overUdp(story, udpPort);
  } finally {
    await server.kill();
  }
}

async function overTcp(story: Story, port: number): Promise<void> {
  const lines = new Diary<{ line: string }>();
  const states = new Diary<{ state: "connected" | "disconnected" }>();
  const sock = net.tcpConnect("localhost", port);
  let rest = "";
  net.on(sock, "connected", () => states.add({ state: "connected" }));
  net.on(sock, "disconnected", () => states.add({ state: "disconnected" }));
  net.on(sock, "data", ({ data }) => {
    /* A chunk is whatever arrived: the framing is the program's. */
    const whole = (rest + data).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) lines.add({ line });
  });
  try {
    await states.until((all) => all.find((it) => it.state === "connected"), "the TCP connection", 5);
    story.log(`TCP  ${net.localAddr(sock)} to ${net.remoteAddr(sock)} (localhost)`);
    const times: number[] = [];
    for (let n = 0; n < TRIPS; n++) {
      const started = performance.now();
      net.send(sock, `${greeting(n)}\n`);
      const back = await lines.until((all) => all[n], `line ${n} to come back`, 5);
      times.push(back.at - started);
    }
    logTimes(story, "TCP", times);
    const wrong = lines.entries.findIndex(({ line }, n) => line !== greeting(n));
    story.claim(wrong < 0, `TCP: ${TRIPS} lines came back unchanged`, `line ${wrong}: ${lines.entries[wrong]?.line}`);
  } finally {
    net.close(sock);
  }
  await states.until((all) => all.find((it) => it.state === "disconnected"), "the TCP connection to close", 5);
}

async function overUdp(story: Story, port: number): Promise<void> {
  const packets = new Diary<{ data: string; addr: string; port: number }>();
  const sock = net.udpOpen(0);
  const bound = net.on(sock, "datagram", NetDatagram);
  const off = NetDatagram.on((packet) => packets.add(packet));
  try {
    if (bound !== 0) throw new Error("NetDatagram was not bound");
    story.log(`UDP  ${net.localAddr(sock)} to 127.0.0.1:${port}`);
    const times: number[] = [];
    for (let n = 0; n < TRIPS; n++) {
      const started = performance.now();
      net.udpSendTo(sock, "127.0.0.1", port, greeting(n));
      const back = await packets.until((all) => all[n], `datagram ${n} to come back`, 5);
      times.push(back.at - started);
    }
    logTimes(story, "UDP", times);
    const right = (n: number): boolean => {
      const packet = packets.entries[n];
      return packet?.data === greeting(n) && packet.addr === "127.0.0.1" && packet.port === port;
    };
    const wrong = packets.entries.findIndex((_packet, n) => !right(n));
    const found = `datagram ${wrong}: ${packets.entries[wrong]?.data}`;
    story.claim(wrong < 0, `UDP: ${TRIPS} datagrams came back, one event each, with their sender`, found);
  } finally {
    off();
    net.close(sock);
  }
}

function logTimes(story: Story, name: string, times: readonly number[]): void {
  const range = `${duration(Math.min(...times))} to ${duration(Math.max(...times))}`;
  story.log(`${name}  ${story.value(logSparkline(times))}  ${range}, half within ${duration(median(times))}`);
}
