import { readFileSync } from "node:fs";
import { limits } from "twinwire/handles";
import { Peer, type Report } from "./peer.ts";
import { duration, gauge, grouped, mib } from "./picture.ts";
import type { Story } from "./story.ts";
import { overTcp, overWebSocket, PIECE, Upload } from "./upload.ts";

const MIB = 1024 * 1024;
/** What is sent after the peer has begun to read. */
const REST = 8 * MIB;
/** If a peer accepts this much, it does read. */
const MOST = 256 * MIB;
/** If no drain fires for so long, the kernel's buffers are full too. */
const QUIET_S = 0.25;

/** Sends Node's own program file to a peer that does not read until it is ordered to. */
export async function backpressure(story: Story): Promise<void> {
  const program = readFileSync(process.execPath);
  /* If Node is a small program with a large library, the file is repeated. */
  const file = Buffer.alloc(Math.max(program.length, MIB), program);
  const server = await Peer.start("slow-server");
  const [tcpPort = 0, wsPort = 0] = server.ports;
  try {
    await upload(story, server, new Upload(file, overTcp(tcpPort)));
    await upload(story, server, new Upload(file, overWebSocket(wsPort)));
  } finally {
    await server.kill();
  }
}

async function upload(story: Story, server: Peer, job: Upload): Promise<void> {
  const { name } = job.wire;
  try {
    await job.connected();
    const stalled = await job.untilStalled(MOST, QUIET_S);
    const waits = job.wire.buffered();
    const whole = limits().sendBuffer;
    story.log(`${name} accepted ${mib(job.size)}, then returned -1: the peer does not read`);
    story.log(`  ${story.value(gauge(waits, whole))}  ${mib(waits)} of ${mib(whole)} wait here`);
    story.claim(stalled && job.refusedWell, `${name}: -1 queued nothing, and the connection stays open`);

    const started = performance.now();
    server.order("read");
    await job.drained(5);
    story.log(`the peer starts to read; drain after ${duration(performance.now() - started)}`);
    await job.more(REST);
    job.wire.close();
    const report = await server.report();
    const took = duration(performance.now() - started);
    story.log(`${mib(REST)} more sent; everything has arrived after ${took}`);
    checkArrival(story, report, job);
    const often = `${job.refusals} times -1, ${job.drains} times drain`;
    story.claim(job.refusals === job.drains, `${name}: ${often}, one for each`);
  } finally {
    job.wire.close();
  }
}

function checkArrival(story: Story, got: Report, job: Upload): void {
  const sha256 = job.sha256();
  const messages = job.wire.name === "ws.send" ? job.size / PIECE : undefined;
  const same = got.bytes === job.size && got.sha256 === sha256 && (messages === undefined || got.pieces === messages);
  const parts = messages === undefined ? "" : ` in ${messages} messages`;
  const text = `the peer has all ${grouped(job.size)} bytes${parts}, SHA-256 equal`;
  story.claim(same, text, `it has ${grouped(got.bytes)} in ${got.pieces} pieces, SHA-256 ${got.sha256}`);
}
