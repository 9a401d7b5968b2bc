/** Counts of servers as text of OpenMetrics 1.0, which Prometheus and others read. */
import { TwinwireError } from "./errors.ts";

/** One count. */
export interface Metric {
  /** The name of the metric, such as `"twinwire_ws_clients"`: ASCII letters, digits, `_` and `:`, not a digit at first. */
  readonly name: string;
  /** Whether it only grows (its sample has the suffix `_total`), or goes up and down. */
  readonly kind: "counter" | "gauge";
  /** What is counted, in a sentence. */
  readonly help: string;
  readonly value: number;
}

/** What has counts: a server, a hub, or an object of the application. */
export interface MetricsSource {
  /** Returns the current counts. */
  measure(): readonly Metric[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/**
 * Returns the counts of several sources as text of OpenMetrics 1.0. The name of each source is the label `name` of its samples.
 *
 * ```ts
 * openMetrics({ chat: webSocketServer, api: httpServer, hub });
 * ```
 *
 * @throws TwinwireError ERR_ARGUMENT for a source without `measure`, for a name that OpenMetrics does not allow, and for two
 * counts of one name and different kinds.
 */
export function openMetrics(sources: Readonly<Record<string, MetricsSource>>): string {
  const families = new Map<string, { readonly first: Metric; readonly samples: string[] }>();
  for (const [name, source] of Object.entries(sources)) {
    if (typeof source?.measure !== "function") throw wrong(`the source "${name}" has no method measure`);
    collect(families, source.measure(), `{name="${escaped(name)}"}`);
  }
  return write(families);
}

/** Returns the counts of one source, without a label. */
export function metricsText(metrics: readonly Metric[]): string {
  return write(collect(new Map(), metrics, ""));
}

type Families = Map<string, { readonly first: Metric; readonly samples: string[] }>;

function collect(families: Families, metrics: readonly Metric[], labels: string): Families {
  for (const metric of metrics) {
    const { name, kind, value } = metric;
    if (!NAME.test(name)) throw wrong(`"${name}" is not a name of a metric`);
    let family = families.get(name);
    if (family === undefined) {
      family = { first: metric, samples: [] };
      families.set(name, family);
    }
    if (family.first.kind !== kind)
      throw wrong(`"${name}" is a ${family.first.kind} of one source and a ${kind} of another`);
    family.samples.push(`${name}${kind === "counter" ? "_total" : ""}${labels} ${numberText(value)}`);
  }
  return families;
}

/** The samples of one family stand together. */
function write(families: Families): string {
  const blocks = [...families].map(([name, { first, samples }]) =>
    [`# TYPE ${name} ${first.kind}`, `# HELP ${name} ${escaped(first.help)}`, ...samples, ""].join("\n"),
  );
  return `${blocks.join("")}# EOF\n`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : "NaN";
}

/** Escapes a help text or the value of a label. */
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');

function wrong(problem: string): TwinwireError {
  return new TwinwireError("ERR_ARGUMENT", { operation: "openMetrics", problem });
}
