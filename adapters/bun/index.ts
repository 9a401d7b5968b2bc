/** The port of Bun: Bun.connect, Bun.listen, Bun.udpSocket and their TLS. */
import { StreamSocket as LayeredStream } from "../node-api/stream.ts";
import type { Traits } from "../node-api/traits.ts";
import type { Port, SocketOptions, TlsOptions } from "../port.ts";
import { unsupported } from "../shared/errors.ts";
import { JavaScriptPort } from "../shared/port.ts";
import type { ListenerHandle, Place, StreamHandle, Target, UdpHandle } from "../shared/sockets.ts";
import { Listener } from "./listener.ts";
import type { BunPlace } from "./runtime.ts";
import { StreamSocket } from "./stream.ts";
import { serverSide } from "./tls.ts";
import { UdpSocket } from "./udp.ts";

/** Makes Bun's port for a new engine. */
export function createPort(): Port {
  return new BunPort();
}

/** Bun's node:net and node:tls, for TLS within TLS, which its own sockets do not have. */
const nodeTraits: Traits = { name: "bun", readsInPlace: false, wholeDgram: false, reusePort: false, inherits: false };

class BunPort extends JavaScriptPort<StreamHandle> {
  readonly name = "bun";
  readonly outerTls = true;

  /** As `Port.writePart`: a view costs JavaScriptCore more than all else of a small write, as each buffer lists its views. */
  writePart(handle: number, bytes: Uint8Array, at: number, size: number): number {
    const stream = this.streamOf(handle);
    if (stream instanceof StreamSocket) return stream.writePart(bytes, at, size);
    return this.write(handle, [bytes.subarray(at, at + size)]);
  }

  protected override connect(place: Place, target: Target, options: SocketOptions, tls?: TlsOptions): StreamHandle {
    if (options.outerTls !== undefined) return new LayeredStream(place, nodeTraits, target, options, tls);
    return new StreamSocket(place, placeOf(target), options, tls);
  }

  protected override bind(place: Place, address: string, port: number, options: SocketOptions): UdpHandle {
    return new UdpSocket(place, address, port, options);
  }

  protected override prepareTls(tls: TlsOptions): void {
    serverSide(tls);
  }

  protected override listen(place: Place, local: Target, options: SocketOptions, tls?: TlsOptions): ListenerHandle {
    if (tls !== undefined) this.prepareTls(tls); /* what is wrong with the options is known at once */
    if (options.inherited !== undefined) throw unsupported("inherit");
    const { path } = local;
    return new Listener(place, placeOf(local), options.reusePort === true, (accepted, socket) =>
      this.keepStream(accepted, (its) => new StreamSocket(its, { accepted: socket, path }, options)),
    );
  }
}

/** The same, as Bun names it. */
function placeOf({ host, path, ...rest }: Target & { port?: number }): BunPlace {
  return path === undefined ? { hostname: host ?? "", port: rest.port ?? 0 } : { unix: path };
}
