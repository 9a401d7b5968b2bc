/**
 * The demo to look at: a page that plots a sensor stream as it comes. It is served, and the stream with it, by the HTTP and
 * WebSocket server of this package. Until Ctrl-C.
 *
 *   node web.js [port] [host]      any free port of 127.0.0.1 unless they are given
 */
import { limits } from "twinwire";
import { Story } from "./story.ts";
import { Station } from "./web/station.ts";

const [portText = "0", host = "127.0.0.1"] = process.argv.slice(2);
const port = Number(portText);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`demo-web: invalid port "${portText}"; use a number from 0 to 65535`);
  process.exit(2);
}

/* No page gets further behind than this, beyond what the system's own buffers hold; and none delays the end for longer. */
limits({ sendBuffer: 1024 * 1024, closeTimeoutMs: 2000 });

const story = new Story(process.stdout, process.env);
const station = new Station(host, port, (text) => story.log(text));
try {
  story.title("twinwire", `a sensor stream, live at ${await station.open()}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
story.log("stop with Ctrl-C");

const end = async (): Promise<void> => {
  const pages = await station.close();
  story.log(`stopped; closed the connections of ${pages} ${pages === 1 ? "page" : "pages"}`);
};
/* Once: a second one ends the process at once. */
process.once("SIGINT", end);
process.once("SIGTERM", end);
