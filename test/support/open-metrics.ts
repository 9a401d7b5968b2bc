/** A strict parser of OpenMetrics 1.0 text, as far as gauges and counters go. */

/** One metric family of a text. */
export interface Family {
  readonly type: string;
  readonly help: string;
  /** Values by labels, as `{a="b"}`; `""` without labels. */
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABELS = String.raw`\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\}`;
const NUMBER = String.raw`(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]Inf|NaN)`;
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`);
const HELP = new RegExp(String.raw`^# HELP (${NAME}) ((?:[^"\\\n]|\\["\\n])*)$`);
const SAMPLE = new RegExp(`^(${NAME})(${LABELS})? (${NUMBER})$`);

/**
 * Returns the families of a text by their names.
 *
 * @throws Error for a line that the grammar does not have, a family that occurs twice or has no samples, samples that are not
 * below their family, a counter without `_total` or below 0, a sample that occurs twice, and what is missing or follows at the end.
 */
export function parseOpenMetrics(text: string): Map<string, Family> {
  if (!text.endsWith("# EOF\n")) throw new Error("the text does not end with # EOF and a line feed");
  const lines = text.slice(0, -1).split("\n");
  lines.pop();
  const families = new Map<string, { type: string; help: string; samples: Map<string, number> }>();
  let name = "";
  for (const line of lines) {
    const [, typed, type = ""] = TYPE.exec(line) ?? [];
    if (typed !== undefined) {
      if (families.has(typed)) throw new Error(`${typed} occurs twice`);
      if (name !== "" && families.get(name)?.samples.size === 0) throw new Error(`${name} has no samples`);
      name = typed;
      families.set(name, { type, help: "", samples: new Map() });
      continue;
    }
    const family = families.get(name);
    const [, helped, help = ""] = HELP.exec(line) ?? [];
    if (helped !== undefined) {
      if (family === undefined || helped !== name || family.help !== "" || family.samples.size > 0)
        throw new Error(`misplaced: ${line}`);
      family.help = help;
      continue;
    }
    const [, sample, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
    if (family === undefined || sample !== `${name}${family.type === "counter" ? "_total" : ""}`)
      throw new Error(`not OpenMetrics, or misplaced: ${line}`);
    if (family.samples.has(labels)) throw new Error(`twice: ${line}`);
    const number = Number(value.replace("Inf", "Infinity"));
    if (family.type === "counter" && !(number >= 0)) throw new Error(`a counter below 0: ${line}`);
    family.samples.set(labels, number);
  }
  if (name !== "" && families.get(name)?.samples.size === 0) throw new Error(`${name} has no samples`);
  return families;
}
