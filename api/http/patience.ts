import { Alarm } from "./alarm.ts";

/** What is being waited for. */
type Stage = "begin" | "head" | "rest" | "unread";

const late: Readonly<Record<Stage, string>> = {
  begin: "no message began in time",
  head: "the head was not whole in time",
  rest: "the message was not whole in time",
  unread: "the body was not read in time",
};

/** How long a message may take, stage by stage. */
export class Patience {
  stage: Stage = "begin";
  readonly #ran: (reason: string) => void;
  #alarm: Alarm | undefined;

  /** `ran` hears what did not come in time. */
  constructor(ran: (reason: string) => void) {
    this.#ran = ran;
  }

  /** Waits for this now, for `ms`; 0: for ever. */
  set(stage: Stage, ms: number): void {
    this.stage = stage;
    if (ms === 0 && this.#alarm === undefined) return;
    this.#alarm ??= new Alarm(() => this.#ran(late[this.stage]));
    this.#alarm.set(ms);
  }

  clear(): void {
    this.#alarm?.clear();
  }

  stop(): void {
    this.#alarm?.stop();
  }
}
