// Discovery by multicast: who announces a name answers a question that is sent to a group.
//   node build/tools/examples/discovery.js announce 47110 printer
//   node build/tools/examples/discovery.js find 47110
// A third or second further argument is the address of the interface to use; by default the system chooses.

import { TwinwireError, UdpSocket } from "twinwire";

const GROUP = "239.255.71.10"; // of the block for private use, RFC 2365
const QUESTION = "who is there?";
const ANSWERS_MS = 2_000;

const [role = "find", port = "47110", ...rest] = process.argv.slice(2);

async function announce(name: string, via?: string): Promise<void> {
  const socket = new UdpSocket("", Number(port), { reuseAddress: true }); // others on this machine announce as well
  await socket.opened;
  socket.joinGroup(GROUP, via);
  process.once("SIGTERM", () => socket.close());
  console.log(`announcing ${name}`);
  for await (const { data, host, port: from } of socket)
    if (new TextDecoder().decode(data) === QUESTION) await socket.sendTo(name, host, from);
}

async function find(via?: string): Promise<void> {
  const socket = new UdpSocket();
  await socket.opened;
  if (via !== undefined) socket.setMulticast({ interface: via });
  await socket.sendTo(QUESTION, GROUP, Number(port));
  socket.setReadDeadline(ANSWERS_MS);
  try {
    for (;;) {
      const { data, host } = await socket.recvFrom();
      console.log(`${new TextDecoder().decode(data)} at ${host}`);
    }
  } catch (error) {
    if (!(error instanceof TwinwireError) || error.code !== "ERR_DEADLINE") throw error;
  } finally {
    socket.close();
  }
}

if (role === "announce") await announce(rest[0] ?? "something", rest[1]);
else await find(rest[0]);
