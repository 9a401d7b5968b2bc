/** The core's imports, reported to a tap before anything routes, joins or defers them. */
import { type CoreImports, Span } from "../../wasm/abi.gen.ts";
import type { Core } from "../../wasm/core.ts";
import type { Tap } from "./tap.ts";

/** What the imports of the moment are, and of which core. */
interface Running {
  readonly imports: CoreImports;
  readonly core: () => Core;
}

/** Imports that report to `tap` and then do what `running()` does. */
export function tapImports(tap: Tap, running: () => Running): CoreImports {
  const bytes = (at: number, size: number): Uint8Array =>
    running()
      .core()
      .memory.view(at >>> 0, size);
  return {
    twc_port_open(host, handle, kind, name, nameSize, port) {
      tap.add("open", [handle, kind, port], bytes(name, nameSize));
      return running().imports.twc_port_open(host, handle, kind, name, nameSize, port);
    },
    twc_port_write(host, handle, spans, count) {
      const { memory, arena } = running().core();
      for (let index = 0; index < count; index++) {
        const span = (spans >>> 0) + index * Span.SIZE;
        tap.add("write", [handle, index, count], bytes(arena + memory.spanData(span), memory.spanSize(span)));
      }
      return running().imports.twc_port_write(host, handle, spans, count);
    },
    twc_port_send_to(host, handle, address, addressSize, port, data, size) {
      tap.add("to", [handle, port, 0], bytes(address, addressSize));
      tap.add("send", [handle, 0, 0], bytes(data, size));
      return running().imports.twc_port_send_to(host, handle, address, addressSize, port, data, size);
    },
    twc_port_shutdown(host, handle) {
      tap.add("shutdown", [handle, 0, 0]);
      running().imports.twc_port_shutdown(host, handle);
    },
    twc_port_connect(host, handle, address, addressSize, port) {
      tap.add("connect", [handle, port, 0], bytes(address, addressSize));
      return running().imports.twc_port_connect(host, handle, address, addressSize, port);
    },
    twc_port_start_tls(host, handle, name, nameSize) {
      tap.add("tls", [handle, 0, 0], bytes(name, nameSize));
      return running().imports.twc_port_start_tls(host, handle, name, nameSize);
    },
    twc_port_read(host, handle, on) {
      tap.add("read", [handle, on, 0]);
      running().imports.twc_port_read(host, handle, on);
    },
    twc_port_close(host, handle, how) {
      tap.add("close", [handle, how, 0]);
      running().imports.twc_port_close(host, handle, how);
    },
    twc_port_address(host, handle, which, text, capacity) {
      tap.add("address", [handle, which, capacity]);
      return running().imports.twc_port_address(host, handle, which, text, capacity);
    },
    twc_port_random(host, data, size) {
      tap.add("random", [0, size, 0]);
      running().imports.twc_port_random(host, data, size);
    },
  };
}
