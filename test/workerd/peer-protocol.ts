/** What a test in workerd and the peers in Node send each other, over one WebSocket for each test. */

/** Bytes to write. Without `fill`, the byte that all of them are, they follow in a message of their own. */
export interface Send {
  readonly call: "write" | "end";
  readonly socket: number;
  readonly size: number;
  readonly fill?: number;
}

/** From workerd. A call with an `id` is answered. */
export type Call =
  | { readonly call: "listen"; readonly id: number; readonly options: object }
  | { readonly call: "free-port"; readonly id: number }
  | { readonly call: "end-all"; readonly id: number }
  | Send
  | { readonly call: "pause" | "resume" | "echo" | "data" | "reset"; readonly socket: number }
  | { readonly call: "result"; readonly error: string | null };

/** From Node. Bytes of `data` follow in a message of their own. */
export type Report =
  | { readonly report: "answer"; readonly id: number; readonly value: number }
  | { readonly report: "connection"; readonly server: number; readonly socket: number; readonly remotePort: number }
  | { readonly report: "data"; readonly socket: number }
  | { readonly report: "end" | "close"; readonly socket: number }
  | { readonly report: "error"; readonly socket: number; readonly code: string }
  | { readonly report: "waiting"; readonly socket: number; readonly size: number };
