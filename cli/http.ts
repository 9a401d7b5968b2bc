/** `twinwire http` and `resolve`. */
import { readFileSync } from "node:fs";
import { http as client, resolve as lookUp } from "../api/index.ts";
import { common, tls, UsageError } from "./arguments.ts";
import { type Command, Status } from "./command.ts";

export const http: Command = {
  summary: "send an HTTP request and print the response",
  usage: "http [METHOD] URL",
  positionals: [1, 2],
  options: {
    header: { short: "H", value: "'NAME: VALUE'", multiple: true, help: "send this header; repeatable" },
    user: { short: "u", value: "NAME:PASSWORD", help: "log in by HTTP Basic" },
    data: { short: "d", value: "TEXT|@FILE|-", help: "the body; - reads stdin. Method then: POST" },
    include: { short: "i", help: "print the status line and the headers, too" },
    fail: { short: "f", help: "end with status 1 if the response is 400 or higher" },
    output: { short: "O", value: "FILE", help: "write the body to this file" },
    location: { short: "L", help: "follow redirects" },
    proxy: { short: "X", value: "URL", help: "HTTP proxy. Default: from the environment" },
    "max-time": { short: "m", value: "SECONDS", help: "time limit for the whole exchange" },
    ...tls,
    ...common,
  },
  examples: ["twinwire http https://example.com/ -i", "twinwire http PUT http://localhost:8080/item -d @item.json"],
  async run(args, output, signal) {
    const data = args.text("data");
    const [first = "", second] = args.positionals;
    const url = second ?? first;
    const method = second === undefined ? (data === undefined ? "GET" : "POST") : first.toUpperCase();
    if (!/^https?:\/\//i.test(url))
      throw new UsageError(`"${url}" is not a URL; write http://HOST/PATH or https://HOST/PATH`);
    const tlsOptions = args.tls();
    const proxy = args.text("proxy");
    const timeoutMs = args.milliseconds("max-time");
    const response = await client.stream(
      { method, url, headers: args.headers(), ...(data === undefined ? {} : { body: bodyOf(data) }) },
      {
        signal,
        maxRedirects: args.has("location") ? 20 : 0,
        ...(tlsOptions === undefined ? {} : { tls: tlsOptions }),
        ...(proxy === undefined ? {} : { proxy }),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      },
    );
    const { status, reason, headers } = response;
    if (output.json) {
      output.event(
        { event: "response", status, reason, headers, url: response.url, body: await response.body.text() },
        "",
      );
    } else {
      if (args.has("include")) {
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
        output.data([`HTTP/1.1 ${status} ${reason}`, ...lines, ""].join("\n"), true);
      }
      const file = args.text("output");
      if (file === undefined) for await (const chunk of response.body) output.data(chunk, false);
      else await (await import("node:fs/promises")).writeFile(file, response.body);
    }
    return args.has("fail") && status >= 400 ? Status.FAILED : Status.OK;
  },
};

function bodyOf(data: string): string | Uint8Array | AsyncIterable<Uint8Array> {
  if (data === "-") return process.stdin as AsyncIterable<Uint8Array>;
  if (!data.startsWith("@")) return data;
  try {
    return readFileSync(data.slice(1));
  } catch (error) {
    throw new UsageError(`--data: ${error instanceof Error ? error.message : error}`);
  }
}

export const resolve: Command = {
  summary: "look up a name as the engine does",
  usage: "resolve NAME",
  positionals: [1, 1],
  options: {
    ipv4: { short: "4", help: "IPv4 addresses only" },
    ipv6: { short: "6", help: "IPv6 addresses only" },
    ...common,
  },
  async run(args, output) {
    const [name = ""] = args.positionals;
    const family = args.has("ipv4") ? 4 : args.has("ipv6") ? 6 : undefined;
    const addresses = await lookUp(name, { all: true, ...(family === undefined ? {} : { family }) });
    for (const address of addresses) {
      if (output.json) output.event({ event: "address", name, address }, "");
      else output.data(address, true);
    }
    return Status.OK;
  },
};
