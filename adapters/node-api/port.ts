/**
 * A port over node:net, node:tls and node:dgram, for the runtimes that have them. This folder is no adapter itself: `node`
 * and `deno` are.
 */
import { Errors } from "../../wasm/abi.gen.ts";
import type { SocketOptions, TlsOptions } from "../port.ts";
import { unsupported } from "../shared/errors.ts";
import { JavaScriptPort } from "../shared/port.ts";
import type { ListenerHandle, Place, Target, UdpHandle } from "../shared/sockets.ts";
import { Adopter } from "./adopter.ts";
import type { Source } from "./connect.ts";
import { Listener } from "./listener.ts";
import { StreamSocket } from "./stream.ts";
import { secureServer } from "./tls.ts";
import type { Traits } from "./traits.ts";
import { UdpSocket } from "./udp.ts";

/** The port of one runtime over Node's modules. */
export class NodeApiPort extends JavaScriptPort<StreamSocket> {
  readonly name: string;
  readonly outerTls = true;
  readonly #traits: Traits;

  constructor(traits: Traits) {
    super();
    this.name = traits.name;
    this.#traits = traits;
  }

  adopt(listener: number, socket: unknown, head: Uint8Array, refused: () => void): number {
    const adopter = this.listeners.get(listener);
    return adopter instanceof Adopter ? adopter.take(socket, head, refused) : Errors.ERR_STATE.value;
  }

  protected override connect(place: Place, target: Target, options: SocketOptions, tls?: TlsOptions): StreamSocket {
    return new StreamSocket(place, this.#traits, target, options, tls);
  }

  protected override bind(place: Place, address: string, port: number, options: SocketOptions): UdpHandle {
    return new UdpSocket(place, this.#traits, address, port, options);
  }

  protected override prepareTls(tls: TlsOptions): void {
    secureServer(tls);
  }

  protected override listen(place: Place, local: Target, options: SocketOptions, tls?: TlsOptions): ListenerHandle {
    if (tls !== undefined) this.prepareTls(tls); /* what is wrong with the options is known at once */
    if (options.reusePort === true && !this.#traits.reusePort) throw unsupported("reusePort");
    if (options.inherited !== undefined && !this.#traits.inherits) throw unsupported("inherit");
    const accept = (handle: number, source: Source): StreamSocket =>
      this.keepStream(handle, (its) => new StreamSocket(its, this.#traits, source, options));
    return options.adopts === true ? new Adopter(place, options, accept) : new Listener(place, local, options, accept);
  }
}
