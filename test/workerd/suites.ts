/** A worker that runs tests of the suites of test/adapters, each in a request of its own: GET lists them. */
import { createPort } from "../../adapters/workerd/index.ts";
import { faultSuite } from "../adapters/fault-suite.ts";
import { portSuite } from "../adapters/suite.ts";
import { takeMessage, usePeers } from "./remote-peers.ts";
import { runTest, testNames } from "./runner.ts";

/** A WebSocket of workerd's own. */
interface ServerEnd {
  accept(): void;
  send(message: string | Uint8Array): void;
  addEventListener(type: "message", listener: (event: { readonly data: string | ArrayBuffer }) => void): void;
}

declare const WebSocketPair: new () => { readonly 0: unknown; readonly 1: ServerEnd };

portSuite("workerd", createPort);
faultSuite("workerd", createPort);

async function answer(end: ServerEnd, name: string): Promise<void> {
  const error = await runTest(name).then(
    () => null,
    (reason: unknown) => String(reason instanceof Error ? reason.stack : reason),
  );
  end.send(JSON.stringify({ call: "result", error }));
}

export default {
  fetch(request: Request): Response {
    if (request.headers.get("upgrade") !== "websocket") return Response.json(testNames());
    const { 0: client, 1: end } = new WebSocketPair();
    end.accept();
    usePeers(end);
    end.addEventListener("message", ({ data }) => takeMessage(data));
    void answer(end, new URL(request.url).searchParams.get("test") ?? "");
    return new Response(null, { status: 101, webSocket: client } as ResponseInit);
  },
};
