/** undici: its `request` on a pool with a connection for each request that is under way, and its WebSocket. */
import { Pool, WebSocket as UndiciWebSocket } from "undici";
import type { EchoCase } from "../cases.ts";
import { Flow } from "../flow.ts";
import type { Message } from "../payload.ts";
import type { Job, Measured } from "../protocol.ts";
import { Exchanges, echoUrl } from "./exchanges.ts";
import { echoBy } from "./web.ts";

/** As Client.echo in client.ts. */
export function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  if (echoCase.protocol === "http") return request(echoCase, job);
  return echoBy(UndiciWebSocket as unknown as typeof WebSocket, echoCase, job);
}

function request(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const pool = new Pool(echoUrl(job.ports), { connections: echoCase.inFlight });
  const headers = { "content-type": "application/json" };
  const exchange = async (message: Message): Promise<unknown> => {
    const { body } = await pool.request({ method: "POST", path: "/", headers, body: JSON.stringify(message) });
    return body.json();
  };
  return flow.measure(new Exchanges(flow, exchange, () => void pool.destroy()), job);
}
