import { cpus } from "node:os";

/** How busy this machine's processors are. */
export class Processors {
  #before = times();

  /** How busy they were since the last call, in percent with one decimal. */
  busy(): number {
    const now = times();
    const all = now.all - this.#before.all;
    const busy = now.busy - this.#before.busy;
    this.#before = now;
    return all === 0 ? 0 : Math.round((busy / all) * 1000) / 10;
  }
}

function times(): { busy: number; all: number } {
  let all = 0;
  let idle = 0;
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.irq + times.idle;
    idle += times.idle;
  }
  return { busy: all - idle, all };
}
