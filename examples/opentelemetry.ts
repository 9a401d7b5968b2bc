// Spans and metrics of OpenTelemetry for every connection, by the diagnostics channels of twinwire. Call `instrument` once, with the
// tracer and the meter of your SDK, before the first connection:
//
//   instrument(trace.getTracer("twinwire"), metrics.getMeter("twinwire"));
//
// Each connection becomes a span, from when it is open until it has ended; each failed attempt a span of its own. The metrics
// are the number of open connections, bytes in both directions, errors by their code, and how long connections last.

import { type Channel, channel } from "node:diagnostics_channel";
import { type Attributes, type Meter, type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { Diagnosis, DisconnectedDiagnosis, ErrorDiagnosis } from "twinwire";

/** Subscribes to the channels. The function that is returned ends that, and the spans that are open. */
export function instrument(tracer: Tracer, meter: Meter): () => void {
  const open = meter.createUpDownCounter("twinwire.connections", { description: "Connections that are open." });
  const bytes = meter.createCounter("twinwire.io", { unit: "By", description: "Bytes received and sent." });
  const errors = meter.createCounter("twinwire.errors", { description: "Attempts and connections that failed." });
  const duration = meter.createHistogram("twinwire.duration", { unit: "s", description: "How long connections last." });
  const connections = new Map<number, Connection>();

  const connected = (diagnosis: Diagnosis): void => {
    const { handle, kind, address, stats } = diagnosis;
    if (kind === "listener") return;
    const span = tracer.startSpan(`twinwire ${kind}`, { kind: SpanKind.CLIENT, attributes: about(kind, address) });
    /* The counts of a handle go on after a reconnect: what was before is not this span's. */
    const [received, sent] = [stats?.received ?? 0, stats?.sent ?? 0];
    connections.set(handle, { span, received, sent, start: performance.now() });
    open.add(1, { kind });
  };

  const disconnected = (diagnosis: DisconnectedDiagnosis): void => {
    const { handle, kind, clean, code, unsent, stats, retryMs } = diagnosis;
    const connection = connections.get(handle);
    if (connection === undefined) return;
    connections.delete(handle);
    const { span, start } = connection;
    const [received, sent] = [(stats?.received ?? 0) - connection.received, (stats?.sent ?? 0) - connection.sent];
    span.setAttributes({ "twinwire.received": received, "twinwire.sent": sent, "twinwire.unsent": unsent });
    span.setAttributes({ "twinwire.code": code, ...(retryMs >= 0 ? { "twinwire.retry_ms": retryMs } : {}) });
    if (!clean) span.setStatus({ code: SpanStatusCode.ERROR, message: "the connection was lost" });
    span.end();
    open.add(-1, { kind });
    bytes.add(received, { kind, direction: "receive" });
    bytes.add(sent, { kind, direction: "transmit" });
    duration.record((performance.now() - start) / 1000, { kind, clean });
  };

  const failed = (diagnosis: ErrorDiagnosis): void => {
    const { handle, kind, address, error } = diagnosis;
    errors.add(1, { kind, "error.type": error.code });
    const ended = connections.get(handle)?.span;
    const span = ended ?? tracer.startSpan(`twinwire ${kind} attempt`, { attributes: about(kind, address) });
    span.recordException(error);
    span.setAttribute("error.type", error.code);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    if (ended === undefined) span.end();
  };

  const subscriptions = [
    subscribe<Diagnosis>("twinwire:connected", connected),
    subscribe<DisconnectedDiagnosis>("twinwire:disconnected", disconnected),
    subscribe<ErrorDiagnosis>("twinwire:error", failed),
  ];
  return () => {
    for (const unsubscribe of subscriptions) unsubscribe();
    for (const { span } of connections.values()) span.end();
    connections.clear();
  };
}

/** A connection that is open. */
interface Connection {
  readonly span: Span;
  /** Bytes of the same handle before it. */
  readonly received: number;
  readonly sent: number;
  /** By the monotonic clock, in ms. */
  readonly start: number;
}

/** A URL is recorded without its user and its query, which may be secret. */
function about(kind: Diagnosis["kind"], address: string): Attributes {
  const url = URL.canParse(address) && address.includes("://") ? new URL(address) : undefined;
  const shown = url === undefined ? address : `${url.protocol}//${url.host}${url.pathname}`;
  return { "network.transport": kind === "udp" ? "udp" : "tcp", "twinwire.kind": kind, "twinwire.address": shown };
}

function subscribe<T>(name: string, listener: (message: T) => void): () => void {
  const it: Channel = channel(name);
  const call = (message: unknown): void => listener(message as T);
  it.subscribe(call);
  return () => it.unsubscribe(call);
}
