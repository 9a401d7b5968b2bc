/** Streams of the runtime whose opening handshake is done, on their way into the engine. */
import type { Duplex } from "node:stream";
import { Kind, NONE, WsOption } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";
import type { Compression } from "../internal/deflate.ts";
import { Connection } from "../websocket/connection.ts";
import type { Session } from "../websocket/session.ts";

/** What was agreed upon for a connection whose handshake was done on a stream of the runtime. */
export interface Agreement {
  readonly client: boolean;
  readonly protocol: string;
  /** `Deflate` parameters. */
  readonly deflate: number;
  readonly compression: Compression | undefined;
  readonly maxMessage: number;
  readonly maxFragments: number;
  readonly autoPong: boolean;
}

/** The ends of a stream, if it has addresses. */
interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Whether this runtime's streams can be adopted. */
export function canAdopt(): boolean {
  return defaultEngine().listeners.canAdopt;
}

/** Whether the engine has a place for one more. */
export function hasRoom(): boolean {
  return defaultEngine().listeners.hasRoomFor((adoptions?.waiting ?? 0) + 1);
}

/**
 * Has the engine take over a stream, in a later microtask: `arrived` is called then. `head`: what was read of it already. A
 * stream that ends meanwhile ends the session; so does an engine that has no place for it, with ERR_LIMIT.
 *
 * @throws TwinwireError ERR_UNSUPPORTED where streams can't be adopted, ERR_ARGUMENT for what is no Duplex, ERR_STATE for
 * one that has ended.
 */
export function adopt(session: Session, socket: Duplex, head: Uint8Array, how: Agreement, arrived: () => void): void {
  const { remoteAddress = "", remotePort = "" } = socket as Ends;
  const address = `${remoteAddress}:${remotePort}`;
  const adopted = new Adopted(address, session, how, arrived, () => {
    const error = socket.destroyed ? undefined : new TwinwireError("ERR_LIMIT", { step: "accept", address });
    socket.destroy();
    session.finish({ code: 1006, reason: "", wasClean: false, error });
  });
  const engine = defaultEngine();
  if (adoptions === undefined || adoptions.handle === NONE || adoptions.released) {
    const listener = new Adoptions();
    const result = engine.listeners.listenForAdopted(listener);
    if (result < 0) throw adoptionFault(result);
    engine.keep(listener, false);
    adoptions = listener;
  }
  const result = adoptions.add(adopted, socket, head);
  if (result < 0) throw adoptionFault(result);
}

/** @throws TwinwireError as `adopt`, where no stream could ever be taken over. */
export function checkAdoption(): void {
  if (canAdopt()) return;
  throw new TwinwireError("ERR_UNSUPPORTED", {
    step: "accept",
    reason: "this runtime's sockets can't be taken over from node:http: WebSocketServer of twinwire has its own",
  });
}

function adoptionFault(result: number): TwinwireError {
  return new TwinwireError(errorCode(result), { step: "accept", reason: "the connection can't be taken over" });
}

/** A stream that the engine has just taken over, and that is not a WebSocket yet. */
class Adopted extends Endpoint {
  readonly #session: Session;
  readonly #how: Agreement;
  readonly #arrived: () => void;
  /** Called if the engine has no place for it, or it has ended. */
  readonly refused: () => void;

  constructor(address: string, session: Session, how: Agreement, arrived: () => void, refused: () => void) {
    super(Kind.TCP, address);
    this.#session = session;
    this.#how = how;
    this.#arrived = arrived;
    this.refused = refused;
  }

  override connected(): void {
    const { client, deflate, compression, maxMessage, maxFragments, autoPong } = this.#how;
    const engine = defaultEngine();
    const options = { maxMessage, compression, server: !client, receivesWhileClosing: true };
    const connection = new Connection(engine, this.address, this.#session, options);
    const { handle } = this;
    if (engine.ws.attach(connection, handle, client, deflate) < 0) {
      engine.close(this);
      this.refused();
      return;
    }
    const flags = WsOption.RECEIVE_WHILE_CLOSING | (autoPong ? 0 : WsOption.NO_AUTO_PONG);
    engine.ws.setOptions(handle, flags, maxMessage, maxFragments);
    connection.limitReading();
    connection.connected();
    this.#arrived();
  }
}

/** The listener whose connections they are, in their order. */
class Adoptions extends Endpoint {
  readonly #waiting: Adopted[] = [];

  constructor() {
    super(Kind.LISTENER, "adopted streams");
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  override accepted(): Endpoint | undefined {
    return this.#waiting.shift();
  }

  add(adopted: Adopted, socket: unknown, head: Uint8Array): number {
    const result = defaultEngine().listeners.adoptStream(this, socket, head, () => {
      this.#waiting.splice(this.#waiting.indexOf(adopted), 1);
      adopted.refused();
    });
    if (result >= 0) this.#waiting.push(adopted);
    return result;
  }
}

let adoptions: Adoptions | undefined;
