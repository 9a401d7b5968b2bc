/** examples/opentelemetry.ts: what the official SDK collects of real connections. */
import type { Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { SpanStatusCode } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { TcpConnection, WebSocket, WebSocketServer } from "twinwire";
import { instrument } from "../../examples/opentelemetry.ts";
import { atEnd, endPeers, freePort, tcpPeer } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { failure } from "./support.ts";

afterEach(endPeers);

/** An SDK that keeps what it exports, and the instrumentation that feeds it. */
function collect() {
  const spans = new InMemorySpanExporter();
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
  const measuring = new MeterProvider({ readers: [reader] });
  const stop = instrument(tracing.getTracer("test"), measuring.getMeter("test"));
  atEnd(async () => {
    stop();
    await tracing.shutdown();
    await measuring.shutdown();
  });
  const value = async (name: string, attributes: Record<string, unknown>): Promise<unknown> => {
    metrics.reset();
    await measuring.forceFlush();
    const found = metrics
      .getMetrics()
      .flatMap((it) => it.scopeMetrics.flatMap((scope) => scope.metrics))
      .find((it) => it.descriptor.name === name);
    const points: readonly { attributes: unknown; value: unknown }[] = found?.dataPoints ?? [];
    const matches = (of: unknown): boolean =>
      Object.entries(attributes).every(([key, one]) => (of as Record<string, unknown>)[key] === one);
    return points.find((it) => matches(it.attributes))?.value;
  };
  return { stop, value, finished: () => spans.getFinishedSpans() };
}

test("a connection is a span with its bytes, and counts while it is open", async () => {
  const { value, finished } = collect();
  const { port } = await tcpPeer((socket: Socket) => socket.pipe(socket));
  const conn = new TcpConnection("127.0.0.1", port);
  await conn.writeAll("hello");
  await conn.readExact(5);
  expect(await value("twinwire.connections", { kind: "tcp" })).toBe(1);
  expect(finished()).toEqual([]);
  conn.close();
  await within(conn.closed, "the end");
  const [span] = finished();
  expect(span?.name).toBe("twinwire tcp");
  expect(span?.attributes).toMatchObject({
    "network.transport": "tcp",
    "twinwire.address": `127.0.0.1:${port}`,
    "twinwire.received": 5,
    "twinwire.sent": 5,
    "twinwire.unsent": 0,
  });
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(await value("twinwire.connections", { kind: "tcp" })).toBe(0);
  expect(await value("twinwire.io", { kind: "tcp", direction: "receive" })).toBe(5);
  expect(await value("twinwire.duration", { kind: "tcp", clean: true })).toMatchObject({ count: 1 });
});

test("a failed attempt is a span with its error, and one error by its code", async () => {
  const { value, finished } = collect();
  const error = await failure(new TcpConnection("127.0.0.1", await freePort()).opened);
  const [span] = finished();
  expect(span?.name).toBe("twinwire tcp attempt");
  expect(span?.status).toMatchObject({ code: SpanStatusCode.ERROR, message: error.message });
  expect(span?.attributes["error.type"]).toBe("ERR_REFUSED");
  expect(span?.events.map(({ name }) => name)).toEqual(["exception"]);
  expect(await value("twinwire.errors", { kind: "tcp", "error.type": "ERR_REFUSED" })).toBe(1);
});

test("a WebSocket's URL is recorded without its query", async () => {
  const { finished } = collect();
  const server = new WebSocketServer("127.0.0.1", 0);
  await server.opened;
  atEnd(() => server.close());
  const socket = new WebSocket(`ws://${server.addr()}/chat?token=secret`);
  await within(new Promise((resolve) => socket.addEventListener("open", resolve)), "open");
  socket.close();
  const ofClient = () => finished().find((it) => `${it.attributes["twinwire.address"]}`.startsWith("ws://"));
  await until(() => ofClient() !== undefined, "the span");
  expect(ofClient()?.name).toBe("twinwire ws");
  expect(ofClient()?.attributes["twinwire.address"]).toBe(`ws://${server.addr()}/chat`);
});

test("after the end nothing is recorded, and spans that were open have ended", async () => {
  const { stop, finished } = collect();
  const { port } = await tcpPeer(() => {});
  const conn = new TcpConnection("127.0.0.1", port);
  await conn.opened;
  stop();
  expect(finished()).toHaveLength(1);
  conn.close();
  await within(conn.closed, "the end");
  expect(finished()).toHaveLength(1);
});
