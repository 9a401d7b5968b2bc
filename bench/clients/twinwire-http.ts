/** twinwire's http.request, as in its documentation. */
import { http } from "twinwire";
import type { EchoCase } from "../cases.ts";
import { Flow } from "../flow.ts";
import type { Message } from "../payload.ts";
import type { Job, Measured } from "../protocol.ts";
import { Exchanges, echoUrl } from "./exchanges.ts";

/** As Client.echo in client.ts. */
export async function echo(echoCase: EchoCase, job: Job): Promise<Measured> {
  const flow = new Flow(echoCase);
  const url = echoUrl(job.ports);
  const exchange = async (message: Message): Promise<unknown> =>
    (await http.request({ method: "POST", url, body: message as string })).body;
  return flow.measure(new Exchanges(flow, exchange, () => {}), job);
}
