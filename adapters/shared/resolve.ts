import dns from "node:dns";
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import type { Resolution } from "../port.ts";
import { errorNumber } from "./errors.ts";
import { descriptorError } from "./process.ts";

/** As `Port.resolve`: as the operating system does it, which is also how a connection finds its host. */
export function resolve(host: string, family: 0 | 4 | 6): Promise<Resolution> {
  /* -0 would end the process of Node. */
  const wanted = family === 4 || family === 6 ? family : 0;
  return new Promise((done) => {
    const found: typeof lookedUp = (error, addresses) => {
      if (error === null) done({ error: 0, addresses: addresses.map(({ address }) => address) });
      else {
        const cause = descriptorError(`getaddrinfo ${host}`) ?? error;
        done({ error: errorNumber(cause), addresses: [], cause });
      }
    };
    try {
      dns.lookup(asciiName(host), { all: true, family: wanted }, found);
    } catch (error) {
      done({ error: errorNumber(error), addresses: [], cause: error });
    }
  });
}

declare function lookedUp(error: Error | null, addresses: readonly dns.LookupAddress[]): void;

/** An internationalized name as it is looked up, RFC 5891 4.4. Bun's look-up has only lower-case ones. */
function asciiName(host: string): string {
  return /^[\x20-\x7e]*$/.test(host) || isIP(host) !== 0 ? host : domainToASCII(host) || host;
}
