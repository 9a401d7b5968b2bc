// A client that logs in, comes back and notices when its server is gone. Start it with the address of a feed and of the
// service that gives out tokens:
//   node build/tools/examples/live-client.js ws://127.0.0.1:8080/feed http://127.0.0.1:8080/token

import { http, WebSocket } from "twinwire";

const [feed = "ws://127.0.0.1:8080/feed", tokens = "http://127.0.0.1:8080/token"] = process.argv.slice(2);

/** Asks for a token, which the feed accepts for a while. */
async function token(): Promise<string> {
  const { status, body } = await http.request({ url: tokens }, { timeoutMs: 5_000 });
  if (status !== 200) throw new Error(`no token: status ${status}`);
  return String((body as { token?: unknown }).token);
}

const ws = new WebSocket(feed, {
  /* Called before each attempt, so that each has a fresh token. */
  headers: async () => ({ Authorization: `Bearer ${await token()}` }),
  heartbeat: { intervalMs: 10_000, timeoutMs: 5_000 },
  reconnect: {
    minDelayMs: 100,
    maxDelayMs: 30_000,
    jitter: 0.5,
    /* A token can expire on the way (401): the next attempt has another one. Who is forbidden to come (403) stays away. */
    shouldReconnect: ({ status }) => status !== 403,
  },
});

ws.onopen = () => {
  console.log("open");
  ws.send(JSON.stringify({ subscribe: "prices" })); // the server forgets it with the connection
};
ws.onmessage = ({ data }) => console.log(String(data));
ws.onclose = ({ code }) => console.log(`closed, code ${code}`);

process.once("SIGTERM", () => ws.close());

const { error } = await ws.closed; // there will be no further attempt
if (error) {
  console.error(error.message);
  process.exitCode = 1;
}
