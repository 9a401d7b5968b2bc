/** Deno.serve, as its documentation shows it: HTTP with JSON, WebSockets with an echo. Runs in Deno. */

interface DenoRuntime {
  serve(
    options: object,
    handler: (request: Request) => Response | Promise<Response>,
  ): { readonly addr: { readonly port: number } };
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
}

const { Deno } = globalThis as unknown as { Deno: DenoRuntime };

/** Starts a server that answers JSON by JSON, and echoes messages; returns its port. */
export async function start(): Promise<number> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) =>
    request.headers.get("upgrade") === null ? answer(request) : accept(request),
  );
  return server.addr.port;
}

async function answer(request: Request): Promise<Response> {
  const body: unknown = request.method === "GET" ? null : await request.json();
  return Response.json({ path: new URL(request.url).pathname, body });
}

function accept(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data as string);
  socket.onerror = () => {};
  return response;
}
