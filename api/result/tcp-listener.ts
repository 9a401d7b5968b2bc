import { splitAddress } from "../conn/address.ts";
import { TcpServer } from "../conn/server.ts";
import { attempt, attemptNow, Blocking } from "./project.ts";
import type { Result } from "./result.ts";
import { TcpStream } from "./tcp-stream.ts";

/**
 * A TCP server whose calls return results.
 *
 * ```ts
 * const listener = unwrap(await TcpListener.bind("127.0.0.1:0"));
 * const stream = unwrap(await listener.accept());
 * ```
 */
export class TcpListener {
  /** The same server as the main door has it. */
  readonly server: TcpServer;
  readonly #blocking = new Blocking();

  /** The listener of a server of the main door. */
  constructor(server: TcpServer) {
    this.server = server;
  }

  /** Listens at `"host:port"` or `"[ipv6]:port"`; port 0 is any free one. */
  static bind(addr: string): Promise<Result<TcpListener>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      const server = new TcpServer(host, port);
      await server.opened;
      return new TcpListener(server);
    });
  }

  /** Waits for a connection. */
  accept(): Promise<Result<TcpStream>> {
    const { server } = this;
    return this.#blocking.attempt(
      () => server.canAccept,
      async () => new TcpStream(await server.accept()),
    );
  }

  /** Where it listens. */
  local_addr(): Result<string> {
    return attemptNow(() => this.server.addr());
  }

  /** In non-blocking mode `accept` is settled at once, with `"would block"` if nobody waits to be accepted. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.server.addr());
  }

  /** Stops listening. */
  close(): void {
    this.server.close();
  }
}
