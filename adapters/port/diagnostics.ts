/** Channels of a runtime on which the events of handles are published. */

/** Named channels, as those of `node:diagnostics_channel`. */
export interface DiagnosticsHost {
  /** The channel of a name, always the same one. */
  channel(name: string): DiagnosticsChannel;
}

/** A channel of the process. */
export interface DiagnosticsChannel {
  /** Whether it has subscribers: read before a message is made. */
  readonly hasSubscribers: boolean;
  /** Passes a message to the subscribers, synchronously. */
  publish(message: unknown): void;
}
