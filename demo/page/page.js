/** What is seen and pressed. The connection itself is feed.js, the curves are plot.js. */
import { Plot } from "./plot.js";

const $ = (id) => document.getElementById(id);
const plot = new Plot($("plot"));
const feed = new Worker("feed.js", { type: "module" });
const arrivals = [];
let own = 0;
let missed = 0;
let paused = false;
let nextAt;

function note(text) {
  const entry = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString("en-GB");
  entry.append(time, text);
  $("log").prepend(entry);
  while ($("log").childElementCount > 40) $("log").lastElementChild.remove();
}

const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const size = (bytes) => (bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KiB`);

/** The waits before attempts, the one that runs marked. */
function showSchedule(schedule, step) {
  const steps = schedule.map((seconds, index) => {
    const item = document.createElement("i");
    item.textContent = `${seconds}`;
    item.className = index === step ? "now" : "";
    return item;
  });
  $("schedule").replaceChildren("after ", ...steps, " s");
}

function showState(state, text) {
  $("state").dataset.state = state;
  $("state").value = text;
  for (const id of ["pause", "stall", "drop"]) $(id).disabled = state !== "open";
  $("rates").disabled = state !== "open";
  if (!self.crossOriginIsolated) $("stall").disabled = true; // a thread may sleep only in a page that is isolated
}

const taken = {
  schedule: ({ schedule }) => showSchedule(schedule, -1),

  state(now) {
    nextAt = undefined;
    if (now.state === "connecting") return showState("connecting", "connecting");
    if (now.state === "waiting") {
      nextAt = performance.now() + now.seconds * 1000;
      showSchedule(now.schedule, now.step);
      showState("waiting", "lost");
      $("trip").textContent = "–";
      return note(`lost: ${now.code}${now.reason ? `, ${now.reason}` : ""}; next attempt in ${now.seconds} s`);
    }
    for (const it of $("schedule").querySelectorAll(".now")) it.className = "";
    $("reconnects").textContent = String(now.opened - 1);
    showState("open", "connected");
    note(now.opened === 1 ? "connected" : "connected again");
    if (paused) feed.postMessage({ kind: "pause", on: true });
  },

  hello({ id }) {
    own = id;
    note(`this is page ${id}`);
  },

  reading(reading) {
    arrivals.push(performance.now());
    missed += plot.add(reading);
    $("missed").textContent = String(missed);
    $("cpu").textContent = `${reading.cpu.toFixed(1)} %`;
    $("late").textContent = ms(reading.late);
  },

  pong: ({ trip }) => {
    $("trip").textContent = trip.toFixed(trip < 10 ? 2 : 0);
  },

  status({ rate, pages }) {
    for (const input of document.querySelectorAll("input[name=rate]")) input.checked = Number(input.value) === rate;
    const rows = pages.map((page) => {
      const row = document.createElement("tr");
      const state = page.paused ? "paused" : page.slow ? "slow" : "live";
      const name = page.id === own ? `${page.id} (this)` : page.id;
      row.className = page.id === own ? "own" : "";
      for (const text of [name, page.sent, page.skipped, size(page.waiting), state])
        row.insertCell().textContent = text;
      row.lastElementChild.dataset.state = state;
      return row;
    });
    $("pages").replaceChildren(...rows);
  },
};

feed.onmessage = ({ data }) => taken[data.kind]?.(data);

setInterval(() => {
  const now = performance.now();
  while (arrivals.length > 0 && arrivals[0] < now - 1000) arrivals.shift();
  $("rate").textContent = String(arrivals.length);
  if (nextAt !== undefined) $("state").value = `again in ${Math.max(0, (nextAt - now) / 1000).toFixed(1)} s`;
}, 100);

$("rates").addEventListener("change", ({ target }) => feed.postMessage({ kind: "rate", rate: Number(target.value) }));
$("drop").addEventListener("click", () => feed.postMessage({ kind: "drop" }));
$("stall").addEventListener("click", () => {
  note("this page reads nothing for 3 s");
  feed.postMessage({ kind: "stall" });
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  if (!paused) plot.leaveOut();
  $("pause").setAttribute("aria-pressed", String(paused));
  $("pause").textContent = paused ? "Resume" : "Pause";
  note(paused ? "paused: the server leaves this page out" : "goes on");
  feed.postMessage({ kind: "pause", on: paused });
});
