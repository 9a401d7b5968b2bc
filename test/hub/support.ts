/** Hubs with a WebSocket server each, and clients that note what they are sent. */
import { WebSocket as Client } from "ws";
import { Hub, type HubDriver, type HubOptions } from "../../api/hub.ts";
import { parse, type ServerLine } from "../../api/hub-client.ts";
import { type ServerSocket, WebSocketServer } from "../../api/index.ts";
import { atEnd } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";

/** Deadlines that are short, and long enough for a machine with other work. */
export const OPTIONS: HubOptions = { history: 50, leaseMs: 10_000, timeoutMs: 3000 };

/** A line that a hub sent, and the message that followed. */
export type Received = ServerLine & { readonly message?: string | Uint8Array };

/** A client, and what it was sent: each line with the message that followed. */
export interface Listener {
  readonly client: Client;
  readonly socket: ServerSocket;
  readonly frames: Received[];
  /** The messages of a topic in the order in which they came. */
  messages(topic: string): string[];
  /** The last position that it was sent. */
  at(topic: string): string;
  close(): Promise<void>;
}

/** A hub with its server and its clients. */
export interface Node {
  readonly hub: Hub;
  readonly server: WebSocketServer;
  /** The kinds of events that it has emitted, in order. */
  readonly events: string[];
  /** The members that have `joined` and `left`, as `joined Ada`. */
  readonly presence: string[];
  connect(): Promise<Listener>;
  up(): Promise<void>;
  close(): Promise<void>;
}

export async function startNode(driver: HubDriver, options: HubOptions = OPTIONS): Promise<Node> {
  const hub: Hub = new Hub(driver, options);
  const server = new WebSocketServer("127.0.0.1", 0, { onMessage: (socket, message) => hub.receive(socket, message) });
  await server.opened;
  const events: string[] = [];
  const presence: string[] = [];
  for (const kind of ["up", "down", "gap", "error"] as const) hub.on(kind, () => events.push(kind));
  for (const kind of ["joined", "left"] as const) {
    hub.on(kind, ({ member }) => presence.push(`${kind} ${String(member.data)}`));
  }
  const close = async (): Promise<void> => {
    await hub.close();
    await server.close({ graceMs: 1000 });
  };
  atEnd(close);
  return {
    hub,
    server,
    events,
    presence,
    close,
    up: () => until(() => hub.isUp, "the hub is up"),
    async connect() {
      const client = new Client(`ws://${server.addr()}/`);
      client.on("error", () => {});
      const frames: Received[] = [];
      client.on("message", (data: Buffer, isBinary) => {
        const { line: parsed, message = "" } = parse(isBinary ? data : data.toString()) ?? { line: undefined };
        const line = (parsed ?? {}) as ServerLine;
        frames.push(message.length === 0 ? line : { ...line, message });
      });
      const socket = await within(server.accept(), "a client");
      return {
        client,
        socket,
        frames,
        messages: (topic) =>
          frames.flatMap((it) => (it.topic === topic && it.message !== undefined ? [String(it.message)] : [])),
        at: (topic) => {
          const positions = frames.flatMap((it) => (it.topic === topic ? [it.at ?? it.joined] : []));
          return positions.findLast((it) => typeof it === "string") ?? "";
        },
        async close() {
          client.close();
          await within(socket.closed, "the end of a client");
        },
      };
    },
  };
}

/** Waits until a client has been sent the messages of a topic, exactly these and in this order. */
export async function receives(listener: Listener, topic: string, expected: readonly string[]): Promise<void> {
  const same = (): boolean => listener.messages(topic).join("\n") === expected.join("\n");
  await until(same, `messages ${expected.slice(0, 5)}…`).catch((error: Error) => {
    throw new Error(`${error.message}; they are ${listener.messages(topic)}`);
  });
}
