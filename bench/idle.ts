import { connect, type Socket } from "node:net";
import type { IdleCase } from "./cases.ts";
import type { Job, Measured, Ports } from "./protocol.ts";
import { HANDSHAKE, type Meter } from "./serve.ts";

/** Connections that are being opened at the same time. */
const AT_ONCE = 50;

/**
 * How much memory of this process each open connection keeps: what its resident set grows by. The first connection, with
 * all that is loaded and made only once, is open before that.
 */
export async function measureIdle(
  { connections }: IdleCase,
  { ports, settleMs }: Job,
  open: (ports: Ports) => Promise<unknown>,
): Promise<Measured> {
  const kept = [await open(ports)];
  const before = await residentBytes(settleMs);
  while (kept.length <= connections) {
    const some = Math.min(AT_ONCE, connections + 1 - kept.length);
    kept.push(...(await Promise.all(Array.from({ length: some }, () => open(ports)))));
  }
  const after = await residentBytes(settleMs);
  return { value: Math.max(1, (after - before) / connections), cpuMicros: 0, count: kept.length - 1 };
}

/** The same of a server's process: connections of this one are open to `port`, and have nothing to send. */
export async function measureIdleServer(
  { connections, protocol }: IdleCase,
  { settleMs }: Job,
  port: number,
  meter: Meter,
): Promise<Measured> {
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, settleMs));
  const kept = [await openIdle(port, protocol)];
  await pause();
  const before = meter.rss();
  while (kept.length <= connections) {
    const some = Math.min(AT_ONCE, connections + 1 - kept.length);
    kept.push(...(await Promise.all(Array.from({ length: some }, () => openIdle(port, protocol)))));
  }
  await pause();
  const after = meter.rss();
  for (const socket of kept) socket.destroy();
  return { value: Math.max(1, (after - before) / connections), cpuMicros: 0, count: connections };
}

/** A connection that is open, behind the handshake of a WebSocket. */
function openIdle(port: number, protocol: IdleCase["protocol"]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    if (protocol === "ws") {
      socket.write(HANDSHAKE);
      socket.once("data", () => resolve(socket));
    } else {
      socket.once("connect", () => resolve(socket));
    }
  });
}

/** The resident set once the garbage is gone. */
async function residentBytes(settleMs: number): Promise<number> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("memory is measured with node --expose-gc");
  for (let round = 0; round < 4; round++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, settleMs / 4));
  }
  return process.memoryUsage.rss();
}
