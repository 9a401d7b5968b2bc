/** How a connection that node:http lets go of becomes the engine's: a listener that never listens, and what it accepts. */
import { Kind, NONE } from "../../wasm/abi.gen.ts";
import { Endpoint } from "../../wasm/endpoint.ts";
import type { Engine } from "../../wasm/engine.ts";
import { errorCode, TwinwireError } from "../../wasm/errors.ts";
import { defaultEngine } from "../../wasm/host.ts";

/** A stream between being taken over and being a WebSocket. */
export class Adopted extends Endpoint {
  readonly #ready: (adopted: Adopted) => void;
  readonly refused: () => void;

  /** `ready`: it is the engine's; `refused`: the engine has no place for it. */
  constructor(address: string, ready: (adopted: Adopted) => void, refused: () => void) {
    super(Kind.TCP, address);
    this.#ready = ready;
    this.refused = refused;
  }

  override connected(): void {
    this.#ready(this);
  }
}

/** Streams that are on their way, in their order. */
class Adoptions extends Endpoint {
  readonly #waiting: Adopted[] = [];

  constructor() {
    super(Kind.LISTENER, "node:http");
  }

  override accepted(): Endpoint | undefined {
    return this.#waiting.shift();
  }

  add(engine: Engine, adopted: Adopted, socket: unknown, head: Uint8Array): number {
    const result = engine.adoptStream(this, socket, head, () => {
      this.#waiting.splice(this.#waiting.indexOf(adopted), 1);
      adopted.refused();
    });
    if (result >= 0) this.#waiting.push(adopted);
    return result;
  }
}

let adoptions: Adoptions | undefined;

/**
 * Has the engine take a stream over, on a later turn.
 *
 * @throws TwinwireError ERR_UNSUPPORTED where the runtime's streams can't be taken over; ERR_ARGUMENT for what is no
 * stream of node:net or node:tls, ERR_STATE for one that has ended; ERR_LIMIT.
 */
export function adopt(adopted: Adopted, socket: unknown, head: Uint8Array): void {
  const engine = defaultEngine();
  if (adoptions === undefined || adoptions.handle === NONE || adoptions.released) {
    const listener = new Adoptions();
    const result = engine.listenForAdopted(listener);
    if (result < 0) throw fault(result);
    engine.keep(listener, false);
    adoptions = listener;
  }
  const result = adoptions.add(engine, adopted, socket, head);
  if (result < 0) throw fault(result);
}

/** @throws TwinwireError as `adopt`, where no stream could ever be taken over. */
export function checkAdoption(): void {
  if (defaultEngine().canAdopt) return;
  throw new TwinwireError("ERR_UNSUPPORTED", {
    step: "accept",
    reason: "this runtime's sockets can't be taken over from node:http: WebSocketServer of twinwire has its own",
  });
}

function fault(result: number): TwinwireError {
  return new TwinwireError(errorCode(result), { step: "accept", reason: "the connection can't be taken over" });
}
