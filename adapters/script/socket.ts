import type { ClientStream } from "./client-stream.ts";

/** What the scripted host knows of a handle. It stays after the handle was closed. */
export interface ScriptSocket {
  readonly name: string;
  /** `Kind` of what the application opened. */
  readonly kind: number;
  /** Its peer's address. */
  remote: string;
  /** The engine's number, -1 until it is known. */
  handle: number;
  /** The host has a socket for it. */
  open: boolean;
  reading: boolean;
  /** Our half was ended. */
  finished: boolean;
  /** A TLS handshake is under way. */
  securing: boolean;
  /** Bytes that the next writes may take. */
  take: number;
  /** What the next write answers instead of taking anything; 0: nothing. */
  refuseWrite: number;
  /** Calls of `write` since this was last set to 0. */
  writes: number;
  /** What the last write left pending: views of the engine's memory, and a copy to see that they stay as they are. */
  lent: Uint8Array | undefined;
  lentPieces: Uint8Array[];
  /** What was handed back, and what the next write must begin with. */
  handedBack: Uint8Array | undefined;
  /** The dribbling host's next move. */
  offerAgain: boolean;
  /** Received while reading was off. */
  held: Uint8Array[];
  heldEnd: boolean;
  /** A WebSocket's bytes, as its server reads them. */
  stream: ClientStream | undefined;
}

/** A handle that is about to be opened. */
export function newSocket(name: string, kind: number): ScriptSocket {
  return {
    name,
    kind,
    remote: "192.0.2.2:80",
    handle: -1,
    open: false,
    reading: false,
    finished: false,
    securing: false,
    take: Number.POSITIVE_INFINITY,
    refuseWrite: 0,
    writes: 0,
    lent: undefined,
    lentPieces: [],
    handedBack: undefined,
    offerAgain: false,
    held: [],
    heldEnd: false,
    stream: undefined,
  };
}

/** The socket is gone: nothing of its stays. */
export function forget(socket: ScriptSocket): void {
  socket.open = false;
  socket.reading = false;
  socket.finished = false;
  socket.securing = false;
  socket.lent = undefined;
  socket.lentPieces = [];
  socket.handedBack = undefined;
  socket.held = [];
  socket.heldEnd = false;
}
