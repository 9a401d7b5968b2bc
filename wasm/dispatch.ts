import { type Deadline, Event, EventFlag, FOREVER, Kind } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorCode, stepName, TwinwireError } from "./errors.ts";
import { report } from "./report.ts";

/**
 * Hands the record at `record` to its endpoint. `cause` is what the runtime reported in the delivery that made it.
 */
export function dispatch(core: Core, record: number, endpoint: Endpoint, cause: unknown): void {
  const { memory } = core;
  const size = memory.eventSize(record);
  const at = core.arena + memory.eventData(record);
  switch (memory.eventType(record)) {
    case Event.MESSAGE:
      endpoint.message(at, size, memory.eventFlags(record));
      break;
    case Event.DATA:
      endpoint.data(at, size, (memory.eventFlags(record) & EventFlag.ASCII) !== 0);
      break;
    case Event.DATAGRAM:
      endpoint.datagram(at, size, memory.ascii(core.sender, memory.eventDetail(record)), memory.eventPort(record));
      break;
    case Event.CONNECTED:
      endpoint.connected();
      break;
    case Event.DISCONNECTED:
      endpoint.disconnected({
        code: memory.eventCode(record),
        clean: (memory.eventFlags(record) & EventFlag.CLEAN) !== 0,
        unsent: memory.eventDetail(record),
        retryMs: memory.eventRetryMs(record),
      });
      break;
    case Event.DRAIN:
      endpoint.drain();
      break;
    case Event.ERROR:
      dispatchError(core, record, endpoint, cause);
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
  }
}

function dispatchError({ memory }: Core, record: number, endpoint: Endpoint, cause: unknown): void {
  const code = errorCode(memory.eventCode(record));
  const step = stepName(memory.eventStep(record));
  const detail = memory.eventDetail(record);
  const retryMs = memory.eventRetryMs(record);
  const { address } = endpoint;
  endpoint.error(() => new TwinwireError(code, { step, address, detail, cause }), retryMs);
}

/** Tells of a failure that the port reports of a socket that lives on. */
export function dispatchFailure(endpoint: Endpoint, error: number, cause: unknown): void {
  const { address, kind } = endpoint;
  const step = kind === Kind.LISTENER ? "accept" : "send";
  try {
    endpoint.error(() => new TwinwireError(errorCode(error), { step, address, cause }), FOREVER);
  } catch (thrown) {
    report(thrown);
  }
}
