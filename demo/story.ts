/**
 * Prints what happens for people to read: chapters, lines with the time since the start, and claims, each of them
 * checked. On a terminal the current line is overwritten until it is final.
 */
export class Story {
  readonly #out: NodeJS.WriteStream;
  readonly #started = performance.now();
  readonly #terminal: boolean;
  readonly #colours: boolean;
  #live = false;
  #held = 0;
  #broken = 0;

  constructor(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
    this.#out = out;
    const { TERM, NO_COLOR = "" } = env;
    this.#terminal = out.isTTY === true && TERM !== "dumb";
    this.#colours = this.#terminal && NO_COLOR === "";
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** The first line. */
  title(text: string, remark: string): void {
    this.#write(`${this.#paint("1", text)} ${this.#paint("2", remark)}\n`);
  }

  /** Begins a chapter. */
  chapter(number: number, text: string): void {
    this.#write(`\n${this.#paint("1", `${number}. ${text}`)}\n`);
  }

  /** Something that happened. */
  log(text: string): void {
    this.#write(`${this.#stamped(text)}\n`);
  }

  /** Something that is happening: seen on a terminal only, until the next line. */
  show(text: string): void {
    if (!this.#terminal) return;
    const fits = [...text].slice(0, Math.max(0, (this.#out.columns ?? 80) - 14)).join("");
    this.#out.write(`\r\x1b[K${this.#stamped(this.#paint("2", fits))}`);
    this.#live = true;
  }

  /** A claim, and whether it is true. `found` says what was found instead. Returns `holds`. */
  claim(holds: boolean, text: string, found = ""): boolean {
    if (holds) this.#held++;
    else this.#broken++;
    const mark = holds ? this.#paint("32", "✓") : this.#paint("31", "✗");
    this.#write(`${" ".repeat(12)}${mark} ${text}${holds || found === "" ? "" : this.#paint("31", `: ${found}`)}\n`);
    return holds;
  }

  /** The last line. Returns the exit code: 0 if there were claims and all of them held. */
  end(): 0 | 1 {
    const all = this.#held + this.#broken;
    const time = `${this.seconds.toFixed(1)} s`;
    const good = this.#broken === 0 && all > 0;
    const verdict = this.#paint(good ? "32" : "31", `${this.#held} of ${all} claims hold.`);
    this.#write(`\n${verdict} ${this.#paint("2", time)}\n`);
    return good ? 0 : 1;
  }

  /** Text in the colour of measured values. */
  value(text: string): string {
    return this.#paint("36", text);
  }

  #stamped(text: string): string {
    return `${this.#paint("2", `${this.seconds.toFixed(2).padStart(8)} s`)}  ${text}`;
  }

  #paint(style: string, text: string): string {
    return this.#colours ? `\x1b[${style}m${text}\x1b[0m` : text;
  }

  #write(text: string): void {
    if (this.#live) this.#out.write("\r\x1b[K");
    this.#live = false;
    this.#out.write(text);
  }
}
