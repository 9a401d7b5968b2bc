/** The echo server, run by Bun, on ports that the system chooses: WebSockets and bodies of POST, and TCP. Ends when its stdin does. */

interface EchoSocket {
  sendText(text: string): number;
  sendBinary(bytes: Uint8Array): number;
}

interface TcpPeer {
  data: { waiting: Uint8Array[] };
  write(bytes: Uint8Array): number;
}

interface BunRuntime {
  readonly version: string;
  serve(options: object): { readonly port: number };
  listen(options: object): { readonly port: number };
}

const { Bun } = globalThis as unknown as { Bun: BunRuntime };

const ws = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request: Request, server: { upgrade(request: Request): boolean }) {
    if (request.method === "POST") return request.text().then((text) => new Response(text));
    return server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    perMessageDeflate: false,
    message(socket: EchoSocket, message: string | Uint8Array) {
      if (typeof message === "string") socket.sendText(message);
      else socket.sendBinary(message);
    },
  },
});

/** Writes what waits, and keeps what the kernel does not take. */
function flush(peer: TcpPeer): void {
  const { waiting } = peer.data;
  while (waiting.length > 0) {
    const first = waiting[0] as Uint8Array;
    const written = peer.write(first);
    if (written < first.length) {
      waiting[0] = first.subarray(Math.max(0, written));
      return;
    }
    waiting.shift();
  }
}

const tcp = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(peer: TcpPeer) {
      peer.data = { waiting: [] };
    },
    data(peer: TcpPeer, chunk: Uint8Array) {
      const written = peer.data.waiting.length === 0 ? Math.max(0, peer.write(chunk)) : 0;
      if (written < chunk.length) peer.data.waiting.push(chunk.slice(written));
    },
    drain: flush,
    error() {},
  },
});

process.stdin.on("end", () => process.exit(0));
process.stdin.on("close", () => process.exit(0));
process.stdin.resume();
console.log(JSON.stringify({ ws: ws.port, tcp: tcp.port, version: Bun.version }));
