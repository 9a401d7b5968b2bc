import type { TwinwireError } from "../../wasm/errors.ts";

/** Who takes a stream's bytes as HTTP: what the engine tells of messages comes here. */
export interface HttpEndpoint {
  /** Whether bytes that came before are being offered to the core: those that it hands out again are not new. */
  readonly feeding: boolean;
  /** So many bytes were handed out again. */
  keep(size: number): void;
  httpHead(at: number, size: number, flags: number, status: number, what: number): void;
  httpBody(at: number, size: number, flags: number): void;
  httpTrailer(at: number, size: number): void;
  httpEnd(error: number, status: number): void;
  /** The peer ended its half of the stream. */
  peerEnded(): void;
  /** The stream is over. */
  ended(error: TwinwireError): void;
  /** The application's deadline for reading passed. */
  late(error: TwinwireError): void;
}
