import { ws } from "twinwire/handles";
import { Diary, type Entry } from "./diary.ts";
import { Peer } from "./peer.ts";
import { sparkline } from "./picture.ts";
import type { Story } from "./story.ts";

const SCHEDULE = [1, 2, 5];
const READINGS = 20;
/** How late an attempt may come on a busy machine, and how early a timer may fire, in ms. */
const LATE = 900;
const EARLY = 20;

type Happening =
  | { readonly kind: "connected" }
  | { readonly kind: "lost"; readonly code: number; readonly retryMs: number }
  | { readonly kind: "failed"; readonly code: string; readonly retryMs: number }
  | { readonly kind: "reading"; readonly text: string };
type Kind = Happening["kind"];
type Of<K extends Kind> = Entry<Extract<Happening, { readonly kind: K }>>;

/** Readings of a sensor arrive over a WebSocket; its server is killed and comes back at the same port. */
export async function stream(story: Story): Promise<void> {
  let server = await Peer.start("sensor-server");
  const port = server.ports[0] ?? 0;
  const diary = new Diary<Happening>();
  story.log(`process ${server.pid} serves ws://127.0.0.1:${port}/sensors`);

  const conn = ws.open(`ws://127.0.0.1:${port}/sensors`);
  ws.setAutoReconnect(conn, true);
  ws.setReconnectDelays(conn, SCHEDULE);
  ws.on(conn, "connected", () => diary.add({ kind: "connected" }));
  ws.on(conn, "disconnected", ({ code, retryMs }) => diary.add({ kind: "lost", code, retryMs }));
  ws.on(conn, "error", ({ code, retryMs = -1 }) => diary.add({ kind: "failed", code, retryMs }));
  ws.on(conn, "message", ({ message }) => diary.add({ kind: "reading", text: message }), { text: true });

  try {
    await happened(diary, "connected", 1);
    story.log(`connected; handle ${conn}`);
    const first = await watch(story, diary, 0);
    await server.kill();
    story.log(`process ${server.pid} is killed`);
    if (!checkReadings(story, first, server)) return;

    const lost = await happened(diary, "lost", 1);
    story.log(`disconnected, close code ${lost.code}; ${next(lost)}`);
    const attempts: Attempt[] = [lost];
    for (let attempt = 1; attempt < SCHEDULE.length; attempt++) {
      /* The first error belongs to the connection that was lost. */
      const failed = await waiting(story, happened(diary, "failed", attempt + 1), attempts);
      attempts.push(failed);
      story.log(`${failed.code}, as no server listens; ${next(failed)}`);
    }
    server = await Peer.start("sensor-server", `${port}`);
    story.log(`process ${server.pid} serves the same port again`);
    const again = await waiting(story, happened(diary, "connected", 2), attempts);
    story.log(`connected again; the handle is still ${conn}`);
    checkSchedule(story, attempts, again.at);

    const second = await watch(story, diary, first.length);
    ws.close(conn);
    await happened(diary, "lost", 2);
    checkReadings(story, second, server);
  } finally {
    ws.close(conn);
    await server.kill();
  }
}

/** What failed, when, and when the next attempt comes. */
interface Attempt {
  readonly at: number;
  readonly retryMs: number;
}

function next({ retryMs }: Attempt): string {
  return `next attempt in ${retryMs / 1000} s`;
}

/** Waits for the `count`-th happening of a kind. */
function happened<K extends Kind>(diary: Diary<Happening>, kind: K, count: number): Promise<Of<K>> {
  const isKind = (it: Entry<Happening>): it is Of<K> => it.kind === kind;
  return diary.until((all) => all.filter(isKind)[count - 1], `${kind} (${count})`, 10);
}

function readings(entries: readonly Happening[]): string[] {
  return entries.flatMap((it) => (it.kind === "reading" ? [it.text] : []));
}

/** Shows the readings as they come, and returns the next `READINGS` of them after the first `skip`. */
async function watch(story: Story, diary: Diary<Happening>, skip: number): Promise<string[]> {
  let shown = 0;
  const enough = (all: readonly Happening[]): string[] | undefined => {
    const texts = readings(all).slice(skip);
    if (texts.length > shown) story.show(`CPU ${sparkline(texts.map(cpu))}`);
    shown = texts.length;
    return texts.length >= READINGS ? texts : undefined;
  };
  const texts = await diary.until(enough, `${READINGS} readings`, 10);
  const values = texts.map(cpu);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = least === most ? `${most} %` : `${least} to ${most} %`;
  story.log(`CPU ${story.value(sparkline(values))}  ${range}, ${texts.length} readings`);
  return texts;
}

function cpu(text: string): number {
  const reading: unknown = JSON.parse(text);
  return typeof reading === "object" && reading !== null && "cpu" in reading ? Number(reading.cpu) : Number.NaN;
}

/** Every reading must be the one that the server reports to have sent, in order. What it sent while it died may be missing. */
function checkReadings(story: Story, got: readonly string[], server: Peer): boolean {
  const wrong = got.findIndex((text, index) => text !== server.sent[index]);
  const found = `reading ${wrong + 1} is ${got[wrong]}, and the server sent ${server.sent[wrong]}`;
  return story.claim(wrong < 0, `${got.length} readings, each as the server sent it, none missing`, found);
}

/** Shows how long it still is until the next attempt. */
async function waiting<T>(story: Story, wait: Promise<T>, attempts: readonly Attempt[]): Promise<T> {
  const { at, retryMs } = attempts.at(-1) ?? { at: 0, retryMs: 0 };
  const due = at + retryMs;
  const timer = setInterval(() => {
    const left = Math.max(0, due - performance.now()) / 1000;
    story.show(`the next attempt is ${left.toFixed(1)} s away`);
  }, 100);
  try {
    return await wait;
  } finally {
    clearInterval(timer);
  }
}

function checkSchedule(story: Story, attempts: readonly Attempt[], connectedAt: number): void {
  const waits = attempts.map(({ at }, index) => (attempts[index + 1]?.at ?? connectedAt) - at);
  const right = waits.every((ms, index) => {
    const wanted = (SCHEDULE[index] ?? 0) * 1000;
    return attempts[index]?.retryMs === wanted && ms > wanted - EARLY && ms < wanted + LATE;
  });
  const apart = waits.map((ms) => (ms / 1000).toFixed(2)).join(", ");
  story.claim(
    right && waits.length === SCHEDULE.length,
    `attempts ${apart} s apart: the schedule [${SCHEDULE.join(", ")}]`,
  );
}
