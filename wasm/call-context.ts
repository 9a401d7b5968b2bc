/** What the calls of the engine are made with: arguments are put into the stage buffer, and what a call may cause is prepared. */
import type { Port, TlsOptions } from "../adapters/port.ts";
import { Errors, type Limits } from "./abi.gen.ts";
import type { Core } from "./core.ts";
import type { Endpoint } from "./endpoint.ts";
import { completeLimits } from "./limits.ts";
import { Pump } from "./pump.ts";

/** What is sent: text goes out as UTF-8. */
export type Payload = string | Uint8Array;

/** An HTTP proxy that is asked for a tunnel. */
export interface ProxyServer {
  readonly host: string;
  readonly port: number;
  /** `"user:password"`, or `""`. */
  readonly credentials: string;
  /** How TLS is done with the proxy itself; `undefined`: it is not. */
  readonly tls?: TlsOptions | undefined;
}

/** A core that runs, and the steps that its calls have in common. */
export class CallContext {
  readonly limits: Limits;
  readonly pump: Pump;
  readonly core: Core;

  /** @throws TwinwireError for limits out of their range, or more memory than there is. */
  constructor(port: Port, limits: Partial<Limits> | undefined) {
    this.limits = completeLimits(limits);
    this.pump = new Pump(port, this.limits);
    this.core = this.pump.core;
  }

  /** Puts an argument into the stage buffer, `offset` bytes from its start. Returns its bytes, or -1 if it is too long. */
  stage(data: Payload, offset = 0): number {
    const { memory, stage } = this.core;
    const room = this.limits.stageBuffer - offset;
    if (typeof data === "string") return memory.writeText(stage + offset, room, data);
    return memory.writeBytes(stage + offset, room, data);
  }

  /** As `stage`, for text of which each character is one byte. -1 also for text that has others. */
  stageLatin1(text: string, offset: number): number {
    const { memory, stage } = this.core;
    return memory.writeLatin1(stage + offset, this.limits.stageBuffer - offset, text);
  }

  /** Opens a handle by `call`, which takes its text from the stage buffer; `tooLong` is what a text is that has no room. */
  open(endpoint: Endpoint, text: string, tooLong: number, call: (size: number) => number): number {
    const size = this.stage(text);
    return size < 0 ? tooLong : this.openStaged(endpoint, () => call(size));
  }

  /** Opens a handle by `call`, whose arguments are in the stage buffer. */
  openStaged(endpoint: Endpoint, call: () => number): number {
    const { exports, self } = this.core;
    this.pump.touchClock();
    this.pump.queueSettle();
    this.pump.refusal = undefined;
    const result = this.pump.endpoints.opening(endpoint, call);
    if (result >= 0 && endpoint.tls !== undefined) exports.twc_set_tls(self, result, 1);
    return result;
  }

  /**
   * Opens a handle by one of two calls: the second one if its endpoint has a policy, which is put behind the text. `tooLong` is
   * what a text is that has no room.
   */
  openAllowed(
    endpoint: Endpoint,
    text: string,
    tooLong: number,
    call: (size: number) => number,
    allowed: (size: number, policy: number, policySize: number) => number,
  ): number {
    const { policy } = endpoint;
    if (policy === undefined) return this.open(endpoint, text, tooLong, call);
    const size = this.stage(text);
    if (size < 0) return tooLong;
    const policySize = this.stage(policy, size);
    if (policySize < 0) return Errors.ERR_ARGUMENT.value;
    return this.openStaged(endpoint, () => allowed(size, this.core.stage + size, policySize));
  }

  /** Opens a handle through a proxy, whose texts are put behind the `size` bytes that are in the stage buffer. */
  openVia(
    endpoint: Endpoint,
    size: number,
    { host, credentials, tls }: ProxyServer,
    call: (host: number, hostSize: number, credentials: number, credentialsSize: number) => number,
  ): number {
    const { stage } = this.core;
    const hostSize = this.stage(host, size);
    const credentialsSize = hostSize < 0 ? -1 : this.stage(credentials, size + hostSize);
    if (credentialsSize < 0) return Errors.ERR_ARGUMENT.value;
    if (tls !== undefined) {
      /* Without TLS, the credentials would go out in the clear. */
      if (this.pump.port.outerTls !== true) return Errors.ERR_UNSUPPORTED.value;
      endpoint.options = { ...endpoint.options, outerTls: tls };
    }
    endpoint.tunneled = true;
    /* The proxy's answer is the core's to read. */
    endpoint.takesBytes = false;
    return this.openStaged(endpoint, () => call(stage + size, hostSize, stage + size + hostSize, credentialsSize));
  }

  /** What may have held back a deferred end has changed: `result` is 1 if nothing does any more, and a flush is due. */
  reviewed(result: number): number {
    if (result <= 0) return result;
    this.pump.queueSettle();
    return 0;
  }

  /** Before a call that closes a handle. */
  beforeClosing(): void {
    this.pump.touchClock();
    this.pump.queueSettle();
    this.pump.queueLater();
  }

  /** After it: `result` is what the call returned. */
  afterClosing(endpoint: Endpoint, result: number): number {
    if (result >= 0) this.pump.endpoints.leave(endpoint);
    return result;
  }
}
