/**
 * Runs in a browser. Each case talks to one of the servers that the page's address names (?servers={...}), and results in a
 * value; all of them are posted to /report. The test judges them.
 */
const servers = JSON.parse(new URLSearchParams(location.search).get("servers"));
const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 1 << 20];

/** Settles once it is open, or can't be. */
function open(name, { path = "/", protocols = [] } = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${servers[name]}${path}`, protocols);
  socket.binaryType = "arraybuffer";
  const messages = [];
  const waiting = [];
  socket.onmessage = ({ data }) => {
    const waiter = waiting.shift();
    if (waiter === undefined) messages.push(data);
    else waiter(data);
  };
  socket.next = () =>
    messages.length > 0 ? Promise.resolve(messages.shift()) : new Promise((resolve) => waiting.push(resolve));
  socket.ended = new Promise((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
  return new Promise((resolve) => {
    socket.onopen = () => resolve(socket);
    socket.onerror = () => resolve(socket);
  });
}

function noise(size) {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

const text = (size) => "größer → 🌍 ".repeat(size / 11 + 1).slice(0, size);
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

/** Sends messages of every size of the length field, and expects them back. Returns what did not come back as it went. */
async function converse(socket) {
  const wrong = [];
  for (const size of SIZES) {
    const bytes = noise(size);
    socket.send(bytes);
    if (!same(bytes, new Uint8Array(await socket.next()))) wrong.push(`${size} bytes`);
    socket.send(new Blob([bytes]));
    if (!same(bytes, new Uint8Array(await socket.next()))) wrong.push(`a blob of ${size} bytes`);
    /* Half of a surrogate pair, if the cut left one, is U+FFFD on the wire. */
    const wanted = text(size).toWellFormed();
    socket.send(wanted);
    if ((await socket.next()) !== wanted) wrong.push(`${size} characters`);
  }
  socket.binaryType = "blob";
  socket.send(new Uint16Array([1, 2]));
  const blob = await socket.next();
  if (!(blob instanceof Blob) || blob.size !== 4) wrong.push("a blob");
  return wrong;
}

async function conversation(name) {
  const socket = await open(name);
  const wrong = await converse(socket);
  const { extensions } = socket;
  socket.close(1000);
  return { wrong, extensions, ended: await socket.ended };
}

/** Ends it from here; the server reports to the test what it received. */
async function closes(path, ...close) {
  const socket = await open("echo", { path });
  socket.close(...close);
  return socket.ended;
}

const cases = {
  plain: () => conversation("echo"),
  deflate: () => conversation("deflate"),
  deflateEach: () => conversation("deflateEach"),

  async burst() {
    const socket = await open("echo");
    const wanted = Array.from({ length: 2000 }, (_, at) => `${at}`);
    for (const message of wanted) socket.send(message);
    let right = 0;
    for (const message of wanted) if ((await socket.next()) === message) right++;
    socket.close();
    return right;
  },

  async fragments() {
    const socket = await open("parts");
    const bytes = new Uint8Array(await socket.next());
    const sum = bytes.reduce((all, byte) => all + byte, 0);
    return { length: bytes.length, sum, text: await socket.next() };
  },

  async protocol() {
    const socket = await open("protocols", { protocols: ["x", "b", "a"] });
    const { protocol } = socket;
    socket.close();
    return { protocol, ended: await socket.ended };
  },
  async noProtocol() {
    const socket = await open("protocols");
    const { protocol } = socket;
    socket.close();
    return { protocol, ended: await socket.ended };
  },
  async strangeProtocol() {
    return (await open("protocols", { protocols: ["x"] })).ended;
  },

  closes: () => closes("/closes", 1000),
  closesWithout: () => closes("/closes-without"),
  closesWithReason: () => closes("/closes-with-reason", 3000, "größer"),
  closesHigh: () => closes("/closes-high", 4999, "x".repeat(123)),
  async leaves() {
    const frame = document.createElement("iframe");
    frame.src = `leaving.html?port=${servers.echo}`;
    const there = new Promise((resolve) => addEventListener("message", resolve, { once: true }));
    document.body.append(frame);
    await there;
    frame.remove();
  },

  async closed() {
    const all = [];
    for (const code of [1000, 3001, 4000]) {
      const socket = await open("closer", { path: `/?code=${code}&reason=${encodeURIComponent("größer")}` });
      all.push(await socket.ended);
    }
    return all;
  },
  cut: async () => (await open("closer", { path: "/?cut" })).ended,
  shutDown: async () => (await open("ending")).ended,

  async tooLarge() {
    const socket = await open("small");
    socket.send(new Uint8Array(1025));
    return socket.ended;
  },
  async bomb() {
    const socket = await open("small");
    const { extensions } = socket;
    socket.send(new Uint8Array(1 << 20));
    return { extensions, ended: await socket.ended };
  },

  otherOrigin: async () => (await open("origins", { path: "/others" })).ended,

  async broadcast() {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open("all")));
    sockets[0].send("to all");
    const heard = await Promise.all(sockets.map((socket) => socket.next()));
    for (const socket of sockets) socket.close();
    return heard.filter((message) => message === "to all").length;
  },
};

const results = {};
for (const [name, run] of Object.entries(cases)) {
  const late = new Promise((resolve) => setTimeout(() => resolve("not within 8 s"), 8000));
  results[name] = (await Promise.race([run().catch((error) => String(error)), late])) ?? null;
}
await fetch("/report", { method: "POST", body: JSON.stringify(results) });
