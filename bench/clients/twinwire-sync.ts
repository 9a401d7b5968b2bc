/** twinwire's calls that wait: each write and each read blocks the thread. */
import { TcpConnection } from "twinwire/sync";
import type { EchoCase } from "../cases.ts";
import { makeMessages, sameMessage, VARIETY } from "../payload.ts";
import type { Job, Measured } from "../protocol.ts";

/** Every so many messages, the whole content is compared, as in flow.ts; the length always is. */
const SAMPLE = 16;

/** As Client.echo in client.ts. The CPU time includes the thread of the engine. */
export async function echo({ content, size }: EchoCase, { ports, settleMs, measureMs }: Job): Promise<Measured> {
  const messages = makeMessages(content, size) as readonly Uint8Array[];
  const conn = new TcpConnection("127.0.0.1", ports.tcp);
  let exchanged = 0;
  /** Exchanges messages for so long. Returns how many. */
  const exchange = (ms: number): number => {
    const before = exchanged;
    for (const end = performance.now() + ms; performance.now() < end; exchanged++) {
      const message = messages[exchanged % VARIETY] as Uint8Array;
      conn.writeAll(message);
      const echo = conn.readExact(size);
      if (exchanged % SAMPLE === 0 && !sameMessage(echo, message))
        throw new Error(`message ${exchanged} is not what was sent`);
    }
    return exchanged - before;
  };
  exchange(settleMs);
  const [cpu, since] = [process.cpuUsage(), performance.now()];
  const count = exchange(measureMs);
  const seconds = (performance.now() - since) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  conn.close();
  return { value: count / seconds, cpuMicros: (user + system) / count, count };
}
