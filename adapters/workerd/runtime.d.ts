/** What the adapter uses of workerd. */
declare module "cloudflare:sockets" {
  export interface SocketInfo {
    readonly remoteAddress?: string | null;
    readonly localAddress?: string | null;
  }

  export interface Socket {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: WritableStream<Uint8Array>;
    readonly opened: Promise<SocketInfo>;
    readonly closed: Promise<void>;
    close(): Promise<void>;
    startTls(options?: { readonly expectedServerHostname?: string }): Socket;
  }

  export function connect(
    address: { readonly hostname: string; readonly port: number },
    options: { readonly secureTransport: "off" | "on" | "starttls"; readonly allowHalfOpen: boolean },
  ): Socket;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
