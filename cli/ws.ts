/** `twinwire ws`: a WebSocket on the terminal, in a pipe, or as a server. */
import { createInterface, type Interface } from "node:readline";
import { WebSocket, type WebSocketMessage, type WebSocketOptions, WebSocketServer } from "../api/index.ts";
import { type Arguments, common, parseAddress, tls, UsageError } from "./arguments.ts";
import { aborted, type Command, Status } from "./command.ts";
import { jsonData, type Output } from "./output.ts";

/** stdin line by line, with a prompt on a terminal. */
class Input {
  readonly #readline: Interface;
  readonly #lines: AsyncIterator<string>;

  constructor(output: Output) {
    this.#readline = createInterface(
      output.interactive
        ? { input: process.stdin, output: process.stderr, prompt: "> " }
        : { input: process.stdin, terminal: false },
    );
    /* At once: lines that arrive before someone iterates would be lost. */
    this.#lines = this.#readline[Symbol.asyncIterator]();
    /* On a terminal readline takes the keys: it reports Ctrl-C itself. */
    this.#readline.on("SIGINT", () => process.emit("SIGINT"));
  }

  /** Shows the prompt, with what the user has typed, if there is a terminal. */
  prompt(): void {
    this.#readline.prompt(true);
  }

  /** Passes each line to `send`, one after the other, until the end of stdin. */
  async each(send: (line: string) => Promise<void>): Promise<void> {
    this.prompt();
    for (let next = await this.#lines.next(); next.done !== true; next = await this.#lines.next()) {
      await send(next.value);
      this.prompt();
    }
  }

  close(): void {
    this.#readline.close();
    process.stdin.destroy();
  }
}

/** Prints a message, on a terminal without disturbing the line that the user types. */
function show(message: WebSocketMessage, output: Output, input: Input | undefined, from?: string): void {
  const isText = typeof message === "string";
  if (output.json) {
    const data = isText ? message : jsonData(message);
    output.event({ event: "message", type: isText ? "text" : "binary", data, from }, "");
    return;
  }
  if (!output.interactive) {
    output.data(message, isText);
    return;
  }
  process.stderr.write("\r\x1b[K");
  const text = isText ? message : `binary, ${message.length} bytes: ${Buffer.from(message).toString("hex")}`;
  process.stdout.write(`${from === undefined ? "<" : `${from} <`} ${text}\n`);
  input?.prompt();
}

function optionsOf(args: Arguments, output: Output): WebSocketOptions {
  const interval = args.milliseconds("ping");
  const proxy = args.text("proxy");
  const tlsOptions = args.tls();
  const timeout = args.milliseconds("connect-timeout");
  return {
    protocols: args.list("subprotocol"),
    headers: args.headers(),
    ...(tlsOptions === undefined ? {} : { tls: tlsOptions }),
    ...(proxy === undefined ? {} : { proxy }),
    ...(interval === undefined ? {} : { heartbeat: { intervalMs: interval, timeoutMs: interval } }),
    ...(timeout === undefined ? {} : { openTimeoutMs: timeout }),
    ...(args.has("deflate") ? { deflate: true } : {}),
    ...(args.has("location") ? { maxRedirects: 10 } : {}),
    reconnect: args.has("reconnect")
      ? {
          shouldReconnect: ({ code, error }) => {
            const cause = error?.message ?? `code ${code}`;
            output.event({ event: "disconnected", code, error: error?.code }, `disconnected (${cause}), reconnecting`);
            return true;
          },
        }
      : false,
  };
}

async function client(url: string, args: Arguments, output: Output, signal: AbortSignal): Promise<number> {
  const waitMs = args.milliseconds("wait") ?? 1000;
  const ws = new WebSocket(url, optionsOf(args, output));
  const binary = args.has("binary");
  const executed = args.list("execute");
  const one = args.has("one-message");
  const input = executed.length > 0 || args.has("no-stdin") ? undefined : new Input(output);
  let status: number = Status.OK;
  let asked = false;
  const close = (): void => {
    asked = true;
    ws.close(1000);
  };
  signal.addEventListener("abort", close, { once: true });
  ws.addEventListener("open", () =>
    output.event(
      { event: "open", url: ws.url, protocol: ws.protocol },
      output.interactive ? `connected to ${ws.url}` : "",
      "green",
    ),
  );
  const receiving = (async () => {
    for await (const message of ws) {
      show(message, output, input);
      if (one) return close();
    }
  })().catch(() => undefined); /* what ended it is in `closed` */
  const sending = (async () => {
    await ws.opened;
    for (const text of executed) await ws.sendAsync(text);
    if (input !== undefined) await input.each((line) => ws.sendAsync(binary ? Buffer.from(`${line}\n`) : line));
    if (args.has("no-stdin") || (one && !asked)) return;
    if (!output.interactive) await pause(waitMs, signal);
    close();
  })().catch((error: unknown) => {
    if (!asked && ws.readyState === WebSocket.OPEN) {
      status = Status.FAILED;
      output.error(error);
    }
  });
  const info = await ws.closed;
  input?.close();
  await Promise.race([Promise.all([receiving, sending]), pause(100, signal)]);
  const { code, reason, wasClean, error } = info;
  output.event(
    { event: "close", code, reason, clean: wasClean },
    output.interactive ? `closed, code ${code} ${reason}` : "",
  );
  if (!asked && error !== undefined) {
    output.error(error);
    return Status.FAILED;
  }
  if (!asked && code !== 1000 && code !== 1001 && code !== 1005) return Status.FAILED;
  return status;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A server: lines of stdin go to all clients, messages of clients to stdout, or back with `--echo`. */
async function listen(
  address: readonly string[],
  args: Arguments,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { host, port } = parseAddress(address, "127.0.0.1");
  const echo = args.has("echo");
  const protocols = args.list("subprotocol");
  const tlsOptions = args.tls();
  let input: Input | undefined;
  const server = new WebSocketServer(host, port, {
    ...(protocols.length === 0 ? {} : { protocols }),
    ...(tlsOptions === undefined ? {} : { listen: { tls: tlsOptions } }),
    ...(args.has("deflate") ? { deflate: true } : {}),
    onConnection: (socket) => {
      const from = socket.remoteAddr();
      output.event({ event: "open", from }, `${from} connected`, "green");
      socket.addEventListener("close", ({ code }) =>
        output.event({ event: "close", from, code }, `${from} closed, code ${code}`),
      );
    },
    onMessage: (socket, message) => {
      show(message, output, input, socket.remoteAddr());
      if (echo) socket.send(message);
    },
  });
  await server.opened;
  output.event({ event: "listening", address: server.addr() }, `listening on ${server.addr()}`, "green");
  input = new Input(output);
  void input.each(async (line) => {
    server.broadcast(line);
  });
  await aborted(signal);
  input.close();
  await server.close();
  return Status.OK;
}

export const ws: Command = {
  summary: "talk to a WebSocket server, or run one",
  usage: "ws URL  |  ws --listen [HOST:]PORT",
  positionals: [1, 1],
  options: {
    header: { short: "H", value: "'NAME: VALUE'", multiple: true, help: "send this header; repeatable" },
    user: { short: "u", value: "NAME:PASSWORD", help: "log in by HTTP Basic" },
    origin: { short: "o", value: "ORIGIN", help: "send this Origin" },
    subprotocol: { short: "s", value: "NAME", multiple: true, help: "offer this subprotocol; repeatable" },
    execute: { short: "x", value: "TEXT", multiple: true, help: "send this instead of stdin; repeatable" },
    wait: { short: "w", value: "SECONDS", help: "wait after the last message sent. Default: 1" },
    "one-message": { short: "1", help: "end after the first message received" },
    "no-stdin": { short: "n", help: "only receive, until the connection is closed" },
    binary: { short: "b", help: "send binary messages" },
    reconnect: { short: "r", help: "connect again when the connection is lost" },
    ping: { value: "SECONDS", help: "ping at this interval; the answer must come within it" },
    location: { short: "L", help: "follow redirects" },
    deflate: { help: "offer permessage-deflate" },
    proxy: { short: "X", value: "URL", help: "HTTP proxy. Default: from the environment" },
    "connect-timeout": { value: "SECONDS", help: "time limit for the handshake. Default: 10" },
    listen: { short: "l", help: "run a server; each line of stdin goes to all clients" },
    echo: { help: "with --listen: send each message back" },
    ...tls,
    ...common,
  },
  examples: [
    "twinwire ws wss://example.com/feed -H 'Authorization: Bearer TOKEN' --reconnect",
    "twinwire ws -l 8080 --echo",
  ],
  run(args, output, signal) {
    const [target = ""] = args.positionals;
    if (args.has("listen")) return listen([target], args, output, signal);
    if (args.has("echo")) throw new UsageError("--echo needs --listen");
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? target : `ws://${target}`;
    if (!/^(wss?|https?|ws\+unix):\/\//i.test(url) || !URL.canParse(url))
      throw new UsageError(`"${target}" is not a URL of a WebSocket; write ws://HOST:PORT/PATH or wss://HOST/PATH`);
    return client(url, args, output, signal);
  },
};
