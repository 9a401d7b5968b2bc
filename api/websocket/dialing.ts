import type { TwinwireError } from "../../wasm/errors.ts";
import type { CloseInfo } from "./link.ts";

/** What follows the end of a connection: nothing, another attempt, or a redirect, which is not reported. */
export type Sequel =
  | { readonly kind: "end"; readonly error: TwinwireError | undefined }
  | { readonly kind: "again" }
  | { readonly kind: "elsewhere" };

/** Makes connections, where there can be more than one. */
export interface Dialer {
  /** Called when a connection is open. */
  opened(): void;
  /** Called when a connection has ended or an attempt failed. A promise where the application decides; never rejected. */
  again(info: CloseInfo, opened: boolean): Sequel | Promise<Sequel>;
  /** Makes no further attempt. */
  stop(): void;
  /** Called with the head of a response. */
  head(status: number, head: string): void;
}
