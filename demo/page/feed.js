/**
 * The page's end of the wire, in a thread of its own: the browser's WebSocket, and what makes it come back.
 *
 * It posts { kind: "state", state, ... }, and each message of the server as it is, without ballast. It receives what to send;
 * { kind: "stall" } it obeys itself: it sleeps, reads nothing, and the wire fills up.
 */

/** Seconds from a loss to the next attempt; the last one repeats. It restarts once a connection is open. */
const SCHEDULE = [0.5, 1, 2, 5];
const PING_MS = 1000;
/** Without a word from the server for so long, the connection is dead. */
const SILENCE_MS = 6000;
const STALL_MS = 3000;

const url = new URL("sensors", self.location.href.replace(/^http/, "ws"));
let socket;
let attempt = 0;
let opened = 0;
let receivedAt = 0;

function connect() {
  self.postMessage({ kind: "state", state: "connecting", attempt });
  socket = new WebSocket(url);
  socket.onopen = () => {
    attempt = 0;
    opened++;
    receivedAt = performance.now();
    self.postMessage({ kind: "state", state: "open", opened });
    send({ kind: "ping", at: performance.now() });
  };
  socket.onmessage = ({ data }) => {
    receivedAt = performance.now();
    const message = JSON.parse(data);
    if (message.kind === "pong") message.trip = receivedAt - message.at;
    delete message.ballast;
    self.postMessage(message);
  };
  socket.onclose = ({ code, reason }) => lost(code, reason);
}

function lost(code, reason) {
  socket.onmessage = null;
  socket.onclose = null;
  const step = Math.min(attempt, SCHEDULE.length - 1);
  const seconds = SCHEDULE[step];
  attempt++;
  self.postMessage({ kind: "state", state: "waiting", code, reason, step, seconds, schedule: SCHEDULE });
  setTimeout(connect, seconds * 1000);
}

function send(order) {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(order));
}

setInterval(() => {
  if (socket.readyState !== WebSocket.OPEN) return;
  if (performance.now() - receivedAt < SILENCE_MS) return send({ kind: "ping", at: performance.now() });
  socket.close();
  lost(1006, "the server is silent");
}, PING_MS);

self.onmessage = ({ data: order }) => {
  send(order);
  if (order.kind !== "stall") return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
  receivedAt = performance.now();
};

self.postMessage({ kind: "schedule", schedule: SCHEDULE });
connect();
