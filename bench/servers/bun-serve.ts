/** Bun.serve, as its documentation shows it: HTTP with JSON, WebSockets with an echo. Runs in Bun. */

interface Socket {
  sendText(text: string): number;
  sendBinary(bytes: Uint8Array): number;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
}

const { Bun } = globalThis as unknown as { Bun: { serve(options: object): BunServer } };

/** Starts a server that answers JSON by JSON, or GET by a text, and echoes messages; returns its port. */
export async function start(task: string): Promise<number> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request: Request): Promise<Response | undefined> {
      if (request.headers.get("upgrade") !== null && server.upgrade(request)) return undefined;
      if (task === "text") return new Response("hello, world");
      const body: unknown = request.method === "GET" ? null : await request.json();
      return Response.json({ path: new URL(request.url).pathname, body });
    },
    websocket: {
      idleTimeout: 0,
      perMessageDeflate: false,
      message(socket: Socket, message: string | Uint8Array) {
        if (typeof message === "string") socket.sendText(message);
        else socket.sendBinary(message);
      },
    },
  });
  return server.port;
}
