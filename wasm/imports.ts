import type { Port } from "../adapters/port.ts";
import { type AddressOf, Close, type CoreImports, Errors, MAX_ADDRESS, type SocketKind, Span } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import type { EndpointTable } from "./endpoints.ts";
import type { ReadControl } from "./receiving.ts";
import { report } from "./report.ts";
import type { Watching } from "./trace/watcher.ts";

const HOST_ERROR = Errors.ERR_HOST.value;

/** What the imports need of the engine around them. */
interface ImportContext {
  readonly endpoints: EndpointTable;
  readonly reading: ReadControl;
  /** Exists only after it was made with the imports. */
  readonly core: () => Core;
  /** Takes what the runtime reported when the port refused something. */
  readonly refused: (cause: unknown) => void;
  /** The same, where the core can report it only later: in an ERROR of that handle. */
  readonly failed: (handle: number, cause: unknown) => void;
  /** Who watches what passes the core interface. */
  readonly watching?: Watching;
}

/**
 * The core's imports, routed to a port. A port may not throw; if it does all the same, the core must not be left in the
 * middle of a call. `core` is asked for, as it is made with the imports; `refused` takes what the runtime reported when
 * the port refused something.
 */
export function routeImports(
  port: Port,
  { endpoints, reading, core, refused, failed, watching }: ImportContext,
): CoreImports {
  return {
    twc_port_open(_host, handle, kind, name, nameSize, portNumber) {
      const where = core().memory.utf8(name >>> 0, nameSize);
      const { options: chosen = {}, tls, tunneled, policy } = endpoints.opener(handle) ?? {};
      const options = policy === undefined ? chosen : { ...chosen, allows: checker(core, handle) };
      const first = tunneled ? undefined : tls;
      const result = guard(() => port.open(handle, kind as SocketKind, where, portNumber, options, first), HOST_ERROR);
      if (result === 0) endpoints.socketOpened(handle);
      else failed(handle, port.cause);
      watching?.watcher?.asked(handle, "open", where, portNumber);
      return result;
    },
    twc_port_write(_host, handle, spans, count) {
      const { arena, memory } = core();
      try {
        if (count === 1 && port.writePart !== undefined && watching?.watcher === undefined) {
          const span = spans >>> 0;
          return port.writePart(handle, memory.bytes, arena + memory.spanData(span), memory.spanSize(span));
        }
        const pieces = gather(core(), spans >>> 0, count);
        const taken = port.write(handle, pieces);
        watching?.watcher?.wrote(handle, pieces, taken);
        return taken;
      } catch (error) {
        report(error);
        return HOST_ERROR;
      }
    },
    twc_port_send_to(_host, handle, address, addressSize, portNumber, data, size) {
      const { memory } = core();
      const to = memory.utf8(address >>> 0, addressSize);
      const bytes = memory.view(data >>> 0, size);
      const result = guard(() => port.sendTo(handle, to, portNumber, bytes), HOST_ERROR);
      if (result < 0) refused(port.cause);
      return result;
    },
    twc_port_shutdown(_host, handle) {
      watching?.watcher?.asked(handle, "shutdown");
      guard(() => port.shutdown(handle), undefined);
    },
    twc_port_connect(_host, handle, address, addressSize, portNumber) {
      const to = core().memory.utf8(address >>> 0, addressSize);
      const result = guard(() => port.connectUdp(handle, to, portNumber), HOST_ERROR);
      if (result < 0) refused(port.cause);
      return result;
    },
    twc_port_start_tls(_host, handle, name, nameSize) {
      const server = core().memory.utf8(name >>> 0, nameSize);
      const result = guard(() => port.startTls(handle, server, endpoints.tlsOf(handle)), HOST_ERROR);
      if (result < 0) failed(handle, port.cause);
      watching?.watcher?.asked(handle, "start-tls", server);
      return result;
    },
    twc_port_read(_host, handle, on) {
      watching?.watcher?.asked(handle, "read", on !== 0 ? "on" : "off");
      guard(() => reading.set(handle, on !== 0), undefined);
    },
    twc_port_close(_host, handle, how) {
      watching?.watcher?.asked(handle, "close", how === Close.ORDERLY ? "orderly" : "abort");
      guard(() => port.close(handle, how as Close), undefined);
    },
    twc_port_address(_host, handle, which, text, capacity) {
      const address = guard(() => port.address(handle, which as AddressOf), HOST_ERROR);
      if (typeof address === "number") return address;
      const size = core().memory.writeText(text >>> 0, capacity, address);
      return size < 0 ? HOST_ERROR : size;
    },
    twc_port_random(_host, data, size) {
      port.random(core().memory.view(data >>> 0, size));
    },
  };
}

/** Asks the core whether the policy of a handle allows an address. Not during a call of the application. */
function checker(core: () => Core, handle: number): (address: string) => boolean {
  return (address) => {
    const { exports, memory, self, stage } = core();
    const size = memory.writeText(stage, MAX_ADDRESS, address);
    return size >= 0 && exports.twc_check_address(self, handle, stage, size) === 0;
  };
}

/** The spans of a gathered write as views; blocks that lie one behind the other become one. */
function gather({ memory, arena }: Core, spans: number, count: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  let end = 0;
  for (let index = 0; index < count; index++) {
    const span = spans + index * Span.SIZE;
    const at = arena + memory.spanData(span);
    if (at !== end || index === 0) {
      if (index > 0) pieces.push(memory.view(start, end - start));
      start = at;
      end = at;
    }
    end += memory.spanSize(span);
  }
  pieces.push(memory.view(start, end - start));
  return pieces;
}

function guard<T>(call: () => T, otherwise: T): T {
  try {
    return call();
  } catch (error) {
    report(error);
    return otherwise;
  }
}
