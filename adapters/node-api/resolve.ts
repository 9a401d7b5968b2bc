import dns from "node:dns";
import type { Resolution } from "../port.ts";
import { errorNumber } from "./errors.ts";

/** As `Port.resolve`: as the operating system does it, which is also how a connection finds its host. */
export function resolve(host: string, family: 0 | 4 | 6): Promise<Resolution> {
  return new Promise((done) => {
    dns.lookup(host, { all: true, family }, (cause, found) => {
      if (cause === null) done({ error: 0, addresses: found.map(({ address }) => address) });
      else done({ error: errorNumber(cause), addresses: [], cause });
    });
  });
}
