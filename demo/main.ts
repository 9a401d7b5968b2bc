/**
 * The demo. Real peers in processes of their own, on this machine only; every claim that it prints is checked.
 *
 *   node main.js [chapter ...]     all chapters, or those that are named: stream, round-trips, tls, backpressure
 *
 * The exit code is 0 if all claims hold, else 1.
 */
import { backpressure } from "./backpressure.ts";
import { roundTrips } from "./round-trips.ts";
import { Story } from "./story.ts";
import { stream } from "./stream.ts";
import { tls } from "./tls.ts";

const LIMIT_S = 28;

const chapters = [
  { name: "stream", title: "A sensor stream that survives the death of its server", run: stream },
  { name: "round-trips", title: "TCP and UDP round trips", run: roundTrips },
  { name: "tls", title: "TLS from the first byte, and STARTTLS", run: tls },
  { name: "backpressure", title: "A peer that does not keep up", run: backpressure },
];

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => chapters.every((chapter) => chapter.name !== name));
if (unknown !== undefined) {
  console.error(
    `demo: unknown chapter "${unknown}"; the chapters are ${chapters.map((chapter) => chapter.name).join(", ")}`,
  );
  process.exit(2);
}

/* The reader has closed the pipe: `make demo | head`. */
process.stdout.on("error", () => process.exit(1));
const story = new Story(process.stdout, process.env);
const overdue = setTimeout(() => {
  story.claim(false, `the demo ends within ${LIMIT_S} s`);
  process.exit(story.end());
}, LIMIT_S * 1000);

const { bun, node } = process.versions;
story.title(
  "twinwire",
  `on ${bun === undefined ? `Node ${node}` : `Bun ${bun}`}: one network engine in C, here as WebAssembly`,
);
let number = 0;
for (const { name, title, run } of chapters) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  story.chapter(++number, title);
  try {
    await run(story);
  } catch (error) {
    story.claim(false, "the chapter ends without an error", error instanceof Error ? error.message : String(error));
  }
}
process.exitCode = story.end();
if (wanted.length === 0) process.stdout.write("To see a live stream in your browser: make demo-web\n");
/* Nothing is left open, so the process ends by itself; if it does not, that is a failure too. */
overdue.unref();
