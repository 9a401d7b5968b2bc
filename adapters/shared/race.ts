import { isIP } from "node:net";
import { mostSpecificError } from "./errors.ts";
import { resolve } from "./resolve.ts";

/** How long an attempt runs before the next address is tried beside it, RFC 8305 5. */
const DELAY_MS = 250;

/**
 * Begins to connect to a literal address. `ended` is to be called once, never inside the call: without an error when the
 * connection is established, with one when the attempt failed.
 *
 * @returns what gives the attempt up; `ended` need not be called after that.
 */
export type Attempt = (address: string, ended: (error?: Error) => void) => () => void;

/**
 * Connects to a host by Happy Eyeballs (RFC 8305): one address after the other, at most `DELAY_MS` apart, and none is given
 * up because it is slow. The first connection wins and ends the other attempts. A literal address is tried at once.
 *
 * @param failed called if the host has no address or every attempt failed, with the error that says most.
 * @param allows whether it may connect to an address that the host was resolved to.
 * @returns what ends the race and every attempt.
 */
export function race(
  host: string,
  attempt: Attempt,
  failed: (error: Error) => void,
  allows: (address: string) => boolean = () => true,
): () => void {
  const waiting: string[] = [];
  const running = new Set<() => void>();
  const errors: Error[] = [];
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  const stop = (winner?: () => void): void => {
    over = true;
    clearTimeout(timer);
    for (const cancel of running) if (cancel !== winner) cancel();
    running.clear();
  };

  const next = (): void => {
    clearTimeout(timer);
    const address = waiting.shift();
    if (address === undefined || over) return;
    if (waiting.length > 0) {
      timer = setTimeout(next, DELAY_MS);
      timer.unref(); /* the attempts keep the process alive, if anything of the handle does */
    }
    const cancel = attempt(address, (error) => {
      if (over) return;
      if (error === undefined) {
        stop(cancel);
        return;
      }
      running.delete(cancel);
      errors.push(error);
      if (waiting.length > 0) next();
      else if (running.size === 0) {
        over = true;
        failed(mostSpecificError(errors));
      }
    });
    running.add(cancel);
  };

  const begin = (addresses: readonly string[]): void => {
    waiting.push(...alternating(addresses));
    next();
  };

  if (isIP(host) !== 0) begin([host]);
  else
    resolve(host, 0).then(({ addresses, cause }) => {
      if (over) return;
      const allowed = addresses.filter(allows);
      if (allowed.length > 0) begin(allowed);
      else if (addresses.length > 0) failed(policyError(host));
      else failed((cause ?? new Error(`${host} has no address`)) as Error);
    });
  return stop;
}

function policyError(host: string): Error {
  return Object.assign(new Error(`no address of ${host} is allowed`), { code: "ERR_POLICY" });
}

/** Addresses in their order, the families alternating, RFC 8305 4: where one family leads nowhere, the other is next. */
function alternating(addresses: readonly string[]): string[] {
  const [first = ""] = addresses;
  const same = addresses.filter((it) => isIP(it) === isIP(first));
  const other = addresses.filter((it) => isIP(it) !== isIP(first));
  return addresses.map(
    (_, index) => ((index % 2 === 0 ? same.shift() : other.shift()) ?? same.shift() ?? other.shift()) as string,
  );
}
