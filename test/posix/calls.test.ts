/** The examples in C whose calls wait: an HTTP client with TLS and a proxy, a line client with a deadline, STARTTLS. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { makeCertificates } from "../api/certificates.ts";
import { describeWith, startChild } from "../support/child.ts";
import { atEnd, endPeers, readHead, tcpPeer } from "../support/peers.ts";
import { within } from "../support/wait.ts";
import { BUILD_PATIENCE, buildSanitized, buildTools, environment } from "./build.ts";

describeWith(buildTools(), "the examples in C whose calls wait", () => {
  const pki = makeCertificates();
  const scratch = mkdtempSync(join(tmpdir(), "twinwire-calls-"));
  const ca = join(scratch, "ca.pem");
  let folder = "";
  beforeAll(async () => {
    writeFileSync(ca, pki.ca);
    folder = await buildSanitized();
  }, BUILD_PATIENCE);
  afterEach(endPeers);
  afterAll(() => rmSync(scratch, { recursive: true }));

  /** A server of node:https, and its port. */
  async function httpsServer(): Promise<number> {
    const server = createHttps(pki.good, (request, response) => {
      if (request.url === "/old") response.writeHead(302, { location: "/new" }).end();
      else response.end(`${request.method} ${request.url}\n`);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    atEnd(() => {
      server.close();
      server.closeAllConnections();
    });
    return (server.address() as { port: number }).port;
  }

  test("http-get: TLS, and a redirect", async () => {
    const port = await httpsServer();
    const { lines, errors, ended } = startChild(`${folder}/http-get`, [`https://localhost:${port}/old`, ca]);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(lines.all).toEqual(["GET /new"]);
    expect(errors.all).toEqual([`200 OK, https://localhost:${port}/new`]);
  });

  test("http-get: a server that is not trusted", async () => {
    const port = await httpsServer();
    const { errors, ended } = startChild(`${folder}/http-get`, [`https://localhost:${port}/`]);
    expect(await within(ended, "the end of the program")).toBe(1);
    expect(errors.all.join()).toMatch(
      /^ERR_TLS_UNTRUSTED: tw_http_request https:\/\/localhost:\d+\/: .*; pass its issuer/,
    );
  });

  test("http-get: by a proxy's tunnel", async () => {
    const port = await httpsServer();
    const asked: string[] = [];
    const proxy = await tcpPeer((socket) =>
      readHead(socket, (head) => {
        asked.push(head.split("\r\n")[0] ?? "");
        const away = connect(port, "127.0.0.1");
        away.on("error", () => {});
        atEnd(() => away.destroy());
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
        socket.pipe(away).pipe(socket);
      }),
    );
    const url = `https://localhost:${port}/here`;
    const { lines, ended } = startChild(`${folder}/http-get`, [url, ca, `http://127.0.0.1:${proxy.port}`]);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(lines.all).toEqual(["GET /here"]);
    expect(asked).toEqual([`CONNECT localhost:${port} HTTP/1.1`]);
  });

  /** Runs the line client, and returns what it printed, and its exit code. */
  async function lineClient(port: number, ms: number, input: string): Promise<[string, string, number]> {
    const child = spawn(`${folder}/line-client`, [`127.0.0.1:${port}`, `${ms}`], { env: environment, stdio: "pipe" });
    atEnd(() => child.kill("SIGKILL"));
    let printed = "";
    let failed = "";
    child.stdout.on("data", (data) => {
      printed += data;
    });
    child.stderr.on("data", (data) => {
      failed += data;
    });
    child.stdin.end(input);
    const [code] = (await within(once(child, "close"), "the end of the program")) as [number];
    return [printed, failed, code];
  }

  test("line-client: an answer for each line", async () => {
    const { port } = await tcpPeer((socket) => {
      socket.on("data", (data) => socket.write(data.toString().toUpperCase()));
    });
    expect(await lineClient(port, 20_000, "one\ntwo\n")).toEqual(["ONE\nTWO\n", "", 0]);
  });

  test("line-client: a server that is silent runs into the deadline", async () => {
    const { port } = await tcpPeer((socket) => socket.resume());
    const [printed, failed, code] = await lineClient(port, 200, "one\n");
    expect([printed, code]).toEqual(["", 1]);
    expect(failed).toMatch(/^ERR_DEADLINE: tw_read_exact 127\.0\.0\.1:\d+: the deadline passed/);
  });

  test("starttls: in the clear first, then protected", async () => {
    const secured: string[] = [];
    const { port } = await tcpPeer((socket: Socket) => {
      socket.write("220 mail.example\r\n");
      const plain = (data: Buffer): void => {
        if (data.toString().startsWith("EHLO")) socket.write("250-mail.example\r\n250 STARTTLS\r\n");
        if (!data.toString().startsWith("STARTTLS")) return;
        socket.off("data", plain);
        const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(pki.good) });
        tls.on("error", () => {});
        tls.on("data", (line) => {
          secured.push(line.toString());
          tls.end("221 bye\r\n");
        });
        socket.write("220 go ahead\r\n");
      };
      socket.on("data", plain);
    });
    const { lines, errors, ended } = startChild(`${folder}/starttls`, ["localhost", `${port}`, ca]);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(errors.all).toEqual([]);
    expect(lines.all).toEqual([
      ...["220 mail.example", "250-mail.example", "250 STARTTLS", "220 go ahead"],
      ...["TLS: no", "TLS: yes", "221 bye"],
    ]);
    expect(secured).toEqual(["QUIT\r\n"]);
  });
});
