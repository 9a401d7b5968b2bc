/** The stream as two curves over the last 30 seconds, drawn by uPlot. */
import uPlot from "./uplot.js";

const SPAN_S = 30;
/** Most timers are late by less than a millisecond, some by many: the scale is logarithmic. */
const LEAST_MS = 0.1;
const MOST_MS = 1000;

const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A scale at the left or the right, with the numbers that it shows. */
function axis(scale, name, splits, unit) {
  return {
    scale,
    side: scale === "late" ? 1 : 3,
    size: 60,
    stroke: colour(name),
    grid: { show: scale !== "late", stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    splits: () => splits,
    values: (_, values) => values.map((value) => `${value} ${unit}`),
  };
}

/** The time axis does not move with the curves: it is labelled in seconds before now. */
const timeAxis = {
  size: 32,
  stroke: colour("--soft"),
  grid: { stroke: colour("--line"), width: 1 },
  ticks: { show: false },
  splits: ({ scales }) => [30, 20, 10, 0].map((seconds) => scales.x.max - seconds),
  values: () => ["30 s ago", "20", "10", "now"],
};

export class Plot {
  /** Times in seconds, percent, milliseconds. Where nothing came there is null. */
  #data = [[], [], []];
  #chart;
  #element;
  #lastN = 0;
  #changed = false;

  constructor(element) {
    this.#element = element;
    this.#chart = new uPlot(
      {
        ...this.#size(),
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { range: () => [Date.now() / 1000 - SPAN_S, Date.now() / 1000] },
          cpu: { range: [0, 100] },
          late: { distr: 3, range: [LEAST_MS, MOST_MS] },
        },
        axes: [
          timeAxis,
          axis("cpu", "--cpu", [0, 25, 50, 75, 100], "%"),
          axis("late", "--late", [LEAST_MS, 1, 10, 100, MOST_MS], "ms"),
        ],
        series: [
          {},
          {
            scale: "cpu",
            stroke: colour("--cpu"),
            width: 2,
            fill: () => `${colour("--cpu")()}22`,
            points: { show: false },
          },
          { scale: "late", stroke: colour("--late"), width: 1.2, points: { show: false } },
        ],
      },
      this.#data,
      element,
    );
    new ResizeObserver(() => this.#chart.setSize(this.#size())).observe(element);
    const draw = () => {
      this.#draw();
      requestAnimationFrame(draw);
    };
    draw();
  }

  /** Takes a reading; returns how many there should have been since the last one. */
  add({ n, at, cpu, late }) {
    const [times, cpus, lates] = this.#data;
    const missed = this.#lastN === 0 || n <= this.#lastN ? 0 : n - this.#lastN - 1;
    const last = times.at(-1) ?? 0;
    if (missed > 0 || n <= this.#lastN) this.#push(last + 0.001, null, null);
    this.#lastN = n;
    /* Clocks are set back at times; uPlot wants times that grow. */
    this.#push(Math.max(at / 1000, (times.at(-1) ?? 0) + 0.0001), cpu, Math.min(MOST_MS, Math.max(LEAST_MS, late)));
    const old = times.findIndex((time) => time > at / 1000 - SPAN_S - 1);
    if (old > 500) for (const values of [times, cpus, lates]) values.splice(0, old);
    return missed;
  }

  /** Readings that do not arrive from now on do not count as missed: they were not requested. */
  leaveOut() {
    this.#lastN = 0;
    this.#push((this.#data[0].at(-1) ?? 0) + 0.001, null, null);
  }

  #push(time, cpu, late) {
    const [times, cpus, lates] = this.#data;
    times.push(time);
    cpus.push(cpu);
    lates.push(late);
    this.#changed = true;
  }

  #size() {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #draw() {
    /* Draws the new readings; without new ones, the curves still move with the time. */
    this.#chart.setData(this.#data);
    if (!this.#changed) return;
    this.#changed = false;
    this.#element.dataset.points = String(this.#data[1].filter((value) => value !== null).length);
  }
}
