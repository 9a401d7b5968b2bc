import { UdpSocket as MainUdpSocket } from "../conn/udp.ts";
import { splitAddress } from "../internal/address.ts";
import { bytesOf } from "../internal/arguments.ts";
import { attempt, attemptNow, Blocking, type Result } from "./result.ts";

/**
 * A UDP socket whose calls return results.
 *
 * ```ts
 * const socket = unwrap(await UdpSocket.bind("127.0.0.1:0"));
 * await socket.send_to([1, 2, 3], "127.0.0.1:5353");
 * const [data, from] = unwrap(await socket.recv_from(1500));
 * ```
 */
export class UdpSocket {
  /** The same socket as an object of `twinwire`. */
  readonly socket: MainUdpSocket;
  readonly #blocking = new Blocking();

  /** The socket of one of `twinwire`. */
  constructor(socket: MainUdpSocket) {
    this.socket = socket;
  }

  /** Binds `"ip:port"` or `"[ipv6]:port"`; port 0 is any free one. */
  static bind(addr: string): Promise<Result<UdpSocket>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      const socket = new MainUdpSocket(host, port);
      await socket.opened;
      return new UdpSocket(socket);
    });
  }

  /** Fixes the peer, so that `peer_addr` has a result and datagrams of others are ignored. */
  connect(addr: string): Promise<Result<void>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      await this.socket.connect(host, port);
    });
  }

  /** Sends one datagram. The number of its bytes. */
  send_to(data: Uint8Array | readonly number[], addr: string): Promise<Result<number>> {
    return attempt(async () => {
      const { host, port } = splitAddress(addr);
      return this.socket.sendTo(bytesOf(data), host, port);
    });
  }

  /** Waits for a datagram: its first `size` bytes, and who sent it. */
  recv_from(size: number): Promise<Result<[Uint8Array, string]>> {
    const { socket } = this;
    return this.#blocking.attempt(
      () => socket.canReceive,
      async () => {
        const { data, address } = await socket.recvFrom(size);
        return [data, address] as [Uint8Array, string];
      },
    );
  }

  /** Closes it. */
  close(): void {
    this.socket.close();
  }

  /** In non-blocking mode `recv_from` is settled at once, with `"would block"` if there is no datagram. */
  set_nonblocking(enabled: boolean): Result<void> {
    return this.#blocking.set(enabled, () => this.socket.localAddr());
  }

  /** The peer that `connect` fixed; an error without one and once the socket is closed. */
  peer_addr(): Result<string> {
    return attemptNow(() => this.socket.remoteAddr());
  }

  /** Where it is bound; an error once the socket is closed. */
  local_addr(): Result<string> {
    return attemptNow(() => this.socket.localAddr());
  }
}
