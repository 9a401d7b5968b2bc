/** What a hub requires of a broker: the interface that the drivers implement, and what several of them use. */
import { TwinwireError } from "../../wasm/errors.ts";
import { parse } from "../hub-client.ts";

/**
 * A place in the history of a topic. Positions with the same epoch are ordered by their offsets. The epoch changes when the
 * broker may have lost messages: after a restart, a failover, or when the topic had been forgotten.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** A message on its way to the broker. */
export interface OutgoingMessage {
  /** Identifies the message for receivers that may get it twice, and with `unique` for the broker. */
  readonly id: string;
  /** The hub that publishes it, and its running number there. */
  readonly node: string;
  readonly seq: number;
  readonly data: string | Uint8Array;
  /** Whether the broker compares the id with those of the last minutes, and stores the message only if it is new. */
  readonly unique: boolean;
}

/** A message as the broker stored it. */
export interface StoredMessage extends Position, Omit<OutgoingMessage, "unique"> {
  /** The offset of the message before it in the same epoch: whoever has that, has missed nothing. */
  readonly previous: number;
}

/** A part of a topic's history. */
export interface History {
  /** In order, at most as many as were requested. */
  readonly messages: readonly StoredMessage[];
  /** Whether messages are missing between the requested position and the first of `messages`, or the end. */
  readonly gap: boolean;
  /** The position of the last message that the topic has. */
  readonly end: Position;
}

/** A member of a topic. */
export interface Member {
  readonly id: string;
  /** What `join` was given as `member`. */
  readonly data: unknown;
}

/** What a driver reports to its hub. None of these throws. */
export interface DriverEvents {
  /** The broker can be used. Subscriptions that existed before must be made again. */
  up(): void;
  /** The broker can't be used, until `up`. */
  down(error: TwinwireError): void;
  /** A message was published to a topic with a subscription. */
  message(topic: string, message: StoredMessage): void;
  joined(topic: string, member: Member): void;
  left(topic: string, member: Member): void;
  /** The broker sent something that can't be understood; it was dropped. */
  invalid(error: TwinwireError): void;
}

/** What the hub fixes for its driver. */
export interface DriverLimits {
  /** Messages that the broker keeps of a topic. */
  readonly history: number;
  /** How long it keeps them, in ms, after the last message or reader. */
  readonly historyMs: number;
  /** How long the members of a node stay without `renew`, in ms, by the broker's clock. */
  readonly leaseMs: number;
}

/**
 * A driver connects one hub, called a node, with a broker. Each call returns a promise that the hub waits for with a time
 * limit of its own; it rejects if the broker fails.
 */
export interface HubDriver {
  /** Starts. `events.up` follows once the broker can be used, also if that takes long. */
  open(node: string, events: DriverEvents, limits: DriverLimits): void;
  /**
   * Assigns the next position of the topic to a message, stores it and sends it to all subscribed nodes, in one atomic step.
   * The order of the positions is the order in which each node receives the messages.
   */
  publish(topic: string, message: OutgoingMessage): Promise<Position>;
  /** Begins to report the messages of a topic: when fulfilled, each message with a later position is reported. */
  subscribe(topic: string): Promise<void>;
  unsubscribe(topic: string): Promise<void>;
  /** Returns what follows a position; without one, only the end of the topic. */
  read(topic: string, after: Position | undefined, most: number): Promise<History>;
  /** Adds members, or replaces the data of those that exist. `joined` is reported to the nodes that subscribe. */
  enter(topic: string, members: readonly Member[]): Promise<void>;
  /** Removes a member. `left` is reported. */
  exit(topic: string, member: Member): Promise<void>;
  /** Returns the members on all nodes whose lease has not expired. */
  members(topic: string): Promise<readonly Member[]>;
  /**
   * Extends the lease of this node and removes the members of nodes whose lease has expired; `left` is reported once for
   * each. Returns false if the node's own lease had expired: its members must enter again.
   */
  renew(): Promise<boolean>;
  /** Removes the node with its members. The user's client stays open. */
  close(): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** What a body contains of a stored message; the position comes from the broker. */
export type Body = Pick<OutgoingMessage, "id" | "node" | "seq" | "data">;

export function encodeBody({ id, node, seq, data }: Body): Uint8Array {
  const text = typeof data === "string";
  const head = encoder.encode(`${JSON.stringify({ id, node, seq, text })}\n`);
  const bytes = text ? encoder.encode(data) : data;
  const body = new Uint8Array(head.length + bytes.length);
  body.set(head);
  body.set(bytes, head.length);
  return body;
}

/** @throws TwinwireError ERR_BROKER for bytes that `encodeBody` did not make. */
export function decodeBody(bytes: Uint8Array, where: string): Body {
  const { line, message } = parse(bytes) ?? { line: {}, message: "" };
  const { id, node, seq, text } = line;
  if (typeof id === "string" && typeof node === "string" && Number.isSafeInteger(seq) && typeof message !== "string") {
    const body = { id, node, seq: seq as number };
    if (text !== true) return { ...body, data: new Uint8Array(message) };
    try {
      return { ...body, data: decoder.decode(message) };
    } catch {
      /* Not UTF-8. */
    }
  }
  throw invalid(where, "a message that no hub has published");
}

/** Parses a member. @throws TwinwireError ERR_BROKER for other text. */
export function memberOf(json: string, where: string): Member {
  try {
    const { id, data } = JSON.parse(json) as { id?: unknown; data?: unknown };
    if (typeof id === "string") return { id, data };
  } catch {
    /* Not JSON. */
  }
  throw invalid(where, "a member that no hub has entered");
}

/** The error for what a broker should not have sent. */
export function invalid(where: string, problem: string): TwinwireError {
  return new TwinwireError("ERR_BROKER", { step: "receive", address: where, reason: problem });
}

/** A promise's result. @throws TwinwireError ERR_BROKER if it takes longer than `ms`. */
export async function inTime<T>(promise: Promise<T>, operation: string, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const reason = `${operation}: no answer within ${ms} ms`;
    timer = setTimeout(() => reject(new TwinwireError("ERR_BROKER", { step: "send", reason })), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a call of a driver failed with, as an error with a code. */
export function brokerError(cause: unknown): TwinwireError {
  return cause instanceof TwinwireError ? cause : new TwinwireError("ERR_BROKER", { step: "send", cause });
}
