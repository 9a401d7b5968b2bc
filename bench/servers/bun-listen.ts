/** Bun.listen with an echo that keeps what the system does not take. Runs in Bun. */

interface Peer {
  data: Uint8Array[];
  write(bytes: Uint8Array): number;
}

const { Bun } = globalThis as unknown as { Bun: { listen(options: object): { readonly port: number } } };

/** Starts a server that echoes bytes; returns its port. */
export async function start(): Promise<number> {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(peer: Peer) {
        peer.data = [];
      },
      data(peer: Peer, chunk: Uint8Array) {
        const written = peer.data.length === 0 ? Math.max(0, peer.write(chunk)) : 0;
        if (written < chunk.length) peer.data.push(chunk.slice(written));
      },
      drain(peer: Peer) {
        for (let first = peer.data.shift(); first !== undefined; first = peer.data.shift()) {
          const written = Math.max(0, peer.write(first));
          if (written === first.length) continue;
          peer.data.unshift(first.subarray(written));
          return;
        }
      },
      error() {},
    },
  });
  return server.port;
}
