import { isIP } from "node:net";
import { resolve } from "../node-api/resolve.ts";
import type { SocketOptions } from "../port.ts";
import type { BunPlace, BunSocket } from "./runtime.ts";

/** How long an attempt may take before the next address is tried beside it, RFC 8305 5. */
const DELAY_MS = 250;

/** Begins to connect; the promise tells whether that came to anything. */
type Attempt = (place: BunPlace) => Promise<unknown>;

/**
 * Connects to a place: at once to a path or an address, to a name at each of its addresses until one is there. `failed` is
 * called if none is. Bun would look names up itself, but keeps what it found, also when it is no longer true.
 *
 * @returns what begins no more attempts.
 */
export function dial(place: BunPlace, attempt: Attempt, failed: (error: Error) => void): () => void {
  if ("unix" in place || isIP(place.hostname) !== 0) {
    attempt(place).catch(failed);
    return () => {};
  }
  const { hostname, port } = place;
  const found: string[] = [];
  let stopped = false;
  let running = 0;
  let first: Error | undefined;
  let timer: NodeJS.Timeout | undefined;

  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
  };

  const next = (): void => {
    clearTimeout(timer);
    const address = found.shift();
    if (address === undefined || stopped) return;
    if (found.length > 0) timer = setTimeout(next, DELAY_MS);
    running += 1;
    attempt({ hostname: address, port }).then(stop, (error: Error) => {
      first ??= error;
      running -= 1;
      if (found.length > 0) next();
      else if (running === 0 && !stopped) failed(first);
    });
  };

  resolve(hostname, 0).then(({ addresses, cause }) => {
    found.push(...alternating(addresses));
    if (found.length > 0) next();
    else if (!stopped) failed((cause ?? new Error(`${hostname} has no address`)) as Error);
  });
  return stop;
}

/** Addresses in their order, but the families in turn, RFC 8305 4: if one leads nowhere, the other is next. */
function alternating(addresses: readonly string[]): string[] {
  const [first = ""] = addresses;
  const same = addresses.filter((it) => isIP(it) === isIP(first));
  const other = addresses.filter((it) => isIP(it) !== isIP(first));
  return addresses.map(
    (_, index) => ((index % 2 === 0 ? same.shift() : other.shift()) ?? same.shift() ?? other.shift()) as string,
  );
}

/** Sets on a connection what was asked for. */
export function configure(socket: BunSocket<unknown>, { noDelay, keepAlive }: SocketOptions): void {
  if (noDelay === false) socket.setNoDelay(false); /* Bun has it on */
  if (keepAlive) socket.setKeepAlive(true, keepAlive === true ? 0 : keepAlive.initialDelayMs);
}
