/** The counts of a `WebSocketServer` as text of OpenMetrics 1.0. */
import type { AddressStats } from "../../wasm/memory.ts";
import type { Clients } from "./clients.ts";

export function metricsOf(clients: Clients, topics: Iterable<readonly [string, number]>, stats: AddressStats): string {
  const lines: string[] = [];
  const add = (name: string, kind: "gauge" | "counter", help: string, value: number): void => {
    const full = `twinwire_ws_${name}`;
    lines.push(
      `# TYPE ${full} ${kind}`,
      `# HELP ${full} ${help}`,
      `${full}${kind === "counter" ? "_total" : ""} ${value}`,
    );
  };
  let buffered = 0;
  for (const { bufferedAmount } of clients.all) buffered += bufferedAmount;
  let count = 0;
  let subscriptions = 0;
  for (const [, subscribed] of topics) {
    count++;
    subscriptions += subscribed;
  }
  add("clients", "gauge", "Clients that are connected.", clients.all.size);
  add("accepted", "counter", "Clients that have connected.", clients.accepted);
  add("buffered_bytes", "gauge", "Bytes that wait to be sent to clients.", buffered);
  add("topics", "gauge", "Topics with subscribers.", count);
  add("subscriptions", "gauge", "Subscriptions of clients to topics.", subscriptions);
  add("refused_connections", "counter", "Connections above a limit for their address.", stats.refusedConnections);
  add("refused_handshakes", "counter", "Connections above the rate for their address.", stats.refusedHandshakes);
  add("refused_messages", "counter", "Messages above the rate for their address.", stats.refusedMessages);
  return `${lines.join("\n")}\n# EOF\n`;
}
