import type { CloseInfo } from "./link.ts";

/** What follows the end of a connection: nothing, another one, or another one of which nobody has to know. */
export type Sequel = "end" | "again" | "elsewhere";

/** What makes connections, where there can be more than one. */
export interface Dialer {
  /** A connection is open. */
  opened(): void;
  /** A connection is over, or never came to be: what follows. */
  again(info: CloseInfo, opened: boolean): Sequel;
  /** There shall be no other. */
  stop(): void;
  /** The head of an answer. */
  head(status: number, head: string): void;
}
