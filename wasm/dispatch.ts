import type { ReceivedBytes } from "../adapters/port.ts";
import { type Deadline, Event, EventFlag, FOREVER, Kind } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import type { Diagnostics } from "./diagnostics.ts";
import type { Ending, Endpoint } from "./endpoint.ts";
import { errorCode, errorWithoutStack, stepName, type TwinwireError } from "./errors.ts";
import type { Memory } from "./memory.ts";
import { report } from "./report.ts";
import type { Watching } from "./trace/watcher.ts";

/** What records are read and delivered with. */
export interface DispatchContext {
  readonly core: Core;
  readonly diagnostics: Diagnostics;
  readonly watching: Watching;
  /** The bytes of the delivery that is under way, if the port gave them away. */
  readonly ownBytes: ReceivedBytes | undefined;
}

/**
 * Hands the record at `record` to its endpoint. `cause` is what the runtime reported in the delivery that made it.
 */
export function dispatch(around: DispatchContext, record: number, endpoint: Endpoint, cause: unknown): void {
  const { core } = around;
  const { memory } = core;
  const size = memory.eventSize(record);
  const at = core.arena + memory.eventData(record);
  switch (memory.eventType(record)) {
    case Event.MESSAGE:
      endpoint.message(at, size, memory.eventFlags(record));
      break;
    case Event.DATA:
      if (around.ownBytes !== undefined) endpoint.given(part(around.ownBytes, at - core.received, size));
      else endpoint.data(at, size, (memory.eventFlags(record) & EventFlag.ASCII) !== 0);
      break;
    case Event.DATAGRAM:
      endpoint.datagram(at, size, memory.ascii(core.sender, memory.eventDetail(record)), memory.eventPort(record));
      break;
    case Event.CONNECTED:
      around.diagnostics.connected(endpoint);
      endpoint.connected();
      break;
    case Event.DISCONNECTED:
      dispatchEnd(around, record, endpoint);
      break;
    case Event.DRAIN:
      endpoint.drain();
      break;
    case Event.ERROR:
      dispatchError(around, record, endpoint, cause);
      break;
    case Event.SECURED:
      endpoint.secured();
      break;
    case Event.ENDED:
      endpoint.ended();
      break;
    case Event.DEADLINE:
      endpoint.deadline(memory.eventDetail(record) as Deadline);
      break;
    case Event.CLOSE:
      endpoint.closing(memory.eventCode(record), at, size);
      break;
    case Event.PING:
      endpoint.ping(at, size);
      break;
    case Event.PONG:
      endpoint.pong(at, size);
      break;
    case Event.HTTP_HEAD: {
      const status = memory.eventCode(record);
      endpoint.httpHead(at, size, memory.eventFlags(record), status, memory.eventDetail(record));
      break;
    }
    case Event.HTTP_BODY:
      endpoint.httpBody(at, size, memory.eventFlags(record));
      break;
    case Event.HTTP_TRAILER:
      endpoint.httpTrailer(at, size, memory.eventFlags(record));
      break;
    case Event.HTTP_END:
      endpoint.httpEnd(memory.eventCode(record), memory.eventDetail(record));
      break;
  }
}

/** The bytes that a record reports, usually all of them. */
function part(bytes: ReceivedBytes, start: number, size: number): ReceivedBytes {
  return size === bytes.length ? bytes : bytes.subarray(start, start + size);
}

function dispatchEnd({ core: { memory }, diagnostics }: DispatchContext, record: number, endpoint: Endpoint): void {
  const ending: Ending = {
    code: memory.eventCode(record),
    /* A WebSocket ends with close frames, whatever the stream beneath it does. */
    clean:
      (memory.eventFlags(record) & EventFlag.CLEAN) !== 0 && !(endpoint.uncertainEnd && endpoint.kind === Kind.TCP),
    unsent: memory.eventDetail(record),
    retryMs: retryOf(memory, record, endpoint),
  };
  endpoint.uncertainEnd = false;
  diagnostics.disconnected(endpoint, ending);
  endpoint.disconnected(ending);
}

function dispatchError(around: DispatchContext, record: number, endpoint: Endpoint, cause: unknown): void {
  const { memory } = around.core;
  const code = errorCode(memory.eventCode(record));
  const step = stepName(memory.eventStep(record));
  const detail = memory.eventDetail(record);
  const { address } = endpoint;
  const make = (): TwinwireError => errorWithoutStack(code, { step, address, detail, cause });
  deliverError(around, endpoint, make, retryOf(memory, record, endpoint));
}

/** A record may have been made before the application closed the handle: then no attempt follows. */
function retryOf(memory: Memory, record: number, endpoint: Endpoint): number {
  return endpoint.released ? FOREVER : memory.eventRetryMs(record);
}

/** Delivers a failure that the port reports of a socket that stays open. */
export function dispatchFailure(
  around: DispatchContext,
  endpoint: Endpoint,
  error: number,
  cause: unknown,
  target?: string,
): void {
  const { kind } = endpoint;
  const address = target ?? endpoint.address;
  const step = kind === Kind.LISTENER ? "accept" : "send";
  try {
    deliverError(around, endpoint, () => errorWithoutStack(errorCode(error), { step, address, cause }), FOREVER);
  } catch (thrown) {
    report(thrown);
  }
}

/** Delivers an error, which is created once, when it is first read. */
function deliverError(
  { diagnostics, watching }: DispatchContext,
  endpoint: Endpoint,
  make: () => TwinwireError,
  retryMs: number,
): void {
  let error: TwinwireError | undefined;
  const once = (): TwinwireError => {
    error ??= make();
    return error;
  };
  watching.watcher?.failed(once);
  diagnostics.error(endpoint, once, retryMs);
  endpoint.error(once, retryMs);
}
