/** The options of `ws.open`, and what they add to the handshake of each attempt. */
import type { Engine } from "../../wasm/engine.ts";
import { TwinwireError } from "../../wasm/errors.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";
import { type Compression, type DeflateOptions, deflateRule } from "../internal/deflate.ts";
import { complete, listOf, OptionSet, text, tlsOptions } from "../internal/options.ts";
import {
  type HeaderPairs,
  type HeadersFunction,
  headerPairs,
  headersRule,
  type WsHeaders,
} from "../internal/websocket.ts";

/** The options of `ws.open`. An unknown name is an error. */
export interface WsOpenOptions {
  /**
   * Header fields of the handshake. A function is called for each attempt: inside `ws.open`, and right after an attempt
   * failed or the connection dropped, so that it can return a fresh token. If it throws or returns no headers inside
   * `ws.open`, that returns -1 with ERR_CALLBACK; later, `error` is emitted with that code and the last headers are used.
   */
  headers?: WsHeaders | (() => WsHeaders);
  /** Credentials for an `Authorization: Basic` header, RFC 7617. At most 255 bytes each; `user` has no colon. */
  auth?: { readonly user: string; readonly password: string };
  /** Subprotocols to offer, in order of preference. */
  protocols?: string | readonly string[];
  /** TLS options, for `wss:` only. Default: the server is verified for the URL's host, by the machine's authorities. */
  tls?: TlsOptions;
  /**
   * Offers compression (permessage-deflate, RFC 7692): received messages are inflated. This API sends without
   * compression, since a send is done when it returns; `WebSocket` of `twinwire` compresses. Default: false.
   */
  deflate?: boolean | DeflateOptions;
}

/** The same, checked and copied. */
interface RequestOptions {
  readonly headers?: HeaderPairs | HeadersFunction | undefined;
  readonly auth?: Required<Credentials> | undefined;
  readonly protocols?: readonly string[] | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly deflate?: Compression | undefined;
}

interface Credentials {
  readonly user?: string;
  readonly password?: string;
}

const names = listOf(text, "a string or a list of strings");

const requestOptions = new OptionSet<RequestOptions>({
  headers: headersRule,
  auth: complete(new OptionSet<Credentials>({ user: text, password: text })),
  protocols: (given, path) => (typeof given === "string" ? [given] : names(given, path)),
  tls: tlsOptions.rule,
  deflate: deflateRule,
});

/** What an application adds to the handshakes of one WebSocket. */
export class WsRequest {
  readonly #options: RequestOptions;
  readonly #address: string;
  #renewing = false;

  /**
   * @param address the URL without its query.
   * @throws TwinwireError ERR_ARGUMENT for options that can't be used.
   */
  constructor(url: string, address: string, given: unknown) {
    this.#options = requestOptions.read("ws.open", given);
    this.#address = address;
    /* To connect without TLS where TLS options were given would be worse than to refuse. */
    if (this.tls === undefined || /^wss:/i.test(url)) return;
    const problem = "the option tls has no meaning for a URL that is not wss:";
    const remedy = "write wss:, or leave tls out";
    throw new TwinwireError("ERR_ARGUMENT", { step: "open", operation: "ws.open", problem, remedy });
  }

  get tls(): TlsOptions | undefined {
    return this.#options.tls;
  }

  get compression(): Compression | undefined {
    return this.#options.deflate;
  }

  /** Returns the header fields of the next attempt. @throws TwinwireError ERR_CALLBACK if the function fails. */
  headers(): HeaderPairs {
    const { headers = [] } = this.#options;
    if (typeof headers !== "function") return headers;
    let cause: unknown;
    try {
      const pairs = headerPairs(headers());
      if (pairs !== undefined) return pairs;
    } catch (error) {
      cause = error;
    }
    const reason = cause === undefined ? "headers must return names with strings" : "headers";
    throw new TwinwireError("ERR_CALLBACK", { step: "handshake", address: this.#address, reason, cause });
  }

  /** Adds all of it to the request of a handle that was just opened. Returns 0 or an error number. */
  begin(engine: Engine, handle: number, headers: HeaderPairs): number {
    let result = this.#add(engine, handle, headers);
    for (const name of this.#options.protocols ?? []) {
      if (result >= 0) result = engine.ws.addProtocol(handle, name);
    }
    return result;
  }

  /**
   * Another attempt follows: calls the application's function for its headers, once all listeners were called.
   *
   * @param failed called with what is wrong with the headers; those of the last attempt stay.
   */
  renew(engine: Engine, handle: number, failed: (error: TwinwireError) => void): void {
    if (typeof this.#options.headers !== "function" || this.#renewing) return;
    this.#renewing = true;
    queueMicrotask(() => {
      this.#renewing = false;
      try {
        const headers = this.headers();
        if (engine.ws.clearHeaders(handle) < 0) return; /* closed in the meantime */
        if (this.#add(engine, handle, headers) >= 0) return;
        throw new TwinwireError("ERR_HEADER", { step: "handshake", address: this.#address });
      } catch (error) {
        failed(error as TwinwireError);
      }
    });
  }

  #add(engine: Engine, handle: number, headers: HeaderPairs): number {
    const { auth } = this.#options;
    let result = auth === undefined ? 0 : engine.ws.addBasicAuth(handle, auth.user, auth.password);
    for (const [name, value] of headers) {
      if (result >= 0) result = engine.ws.addHeader(handle, name, value);
    }
    return result;
  }
}
