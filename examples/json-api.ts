// A JSON API and a WebSocket on one port. hono answers the requests; each change is sent to all who listen.
//   node build/tools/examples/json-api.js 127.0.0.1 8080
//   curl -d '{"text":"buy milk"}' http://127.0.0.1:8080/notes;  npx twinwire ws ws://127.0.0.1:8080/changes

import { Hono } from "hono";
import { http, WebSocketServer } from "twinwire";

interface Note {
  readonly id: number;
  readonly text: string;
}

const [host = "127.0.0.1", port = "0"] = process.argv.slice(2);
const notes = new Map<number, Note>();
let lastId = 0;

const app = new Hono();

app.get("/notes", (context) => context.json([...notes.values()]));

app.get("/notes/:id", (context) => {
  const note = notes.get(Number(context.req.param("id")));
  return note === undefined ? context.json({ error: "no such note" }, 404) : context.json(note);
});

app.post("/notes", async (context) => {
  const body: unknown = await context.req.json().catch(() => undefined);
  const text = (body as { text?: unknown } | undefined)?.text;
  if (typeof text !== "string") return context.json({ error: "text is missing" }, 400);
  const note = { id: ++lastId, text };
  notes.set(note.id, note);
  server.broadcast(JSON.stringify({ added: note }), { slow: "skip" });
  return context.json(note, 201);
});

app.delete("/notes/:id", (context) => {
  const id = Number(context.req.param("id"));
  if (!notes.delete(id)) return context.json({ error: "no such note" }, 404);
  server.broadcast(JSON.stringify({ removed: id }), { slow: "skip" });
  return context.body(null, 204);
});

const server = new WebSocketServer(host, Number(port), {
  path: "/changes",
  heartbeat: { intervalMs: 30_000, timeoutMs: 10_000 },
  onRequest: http.fetchHandler(app.fetch),
});

await server.opened;
console.log(`http://${server.addr()}/`);

process.once("SIGTERM", () => server.close({ graceMs: 2_000 }));
