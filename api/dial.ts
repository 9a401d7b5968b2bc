/**
 * twinwire/dial: connections as functions, with a network and an address as text.
 *
 * @module
 */
export {
  type AcceptOptions,
  accept,
  type Connection,
  type DialOptions,
  dial,
  type Listener,
  type ListenOptions,
  listen,
  type Network,
} from "./dial/networks.ts";
export {
  close,
  type Reader,
  read,
  reader,
  set_read_timeout,
  set_write_timeout,
  type Writer,
  write,
  writer,
} from "./dial/transfer.ts";
export type { Writable } from "./internal/arguments.ts";
