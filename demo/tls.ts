import { TcpConnection, TlsConnection, TwinwireError } from "twinwire";
import { AUTHORITY } from "./certificates.ts";
import { Peer } from "./peer.ts";
import { duration } from "./picture.ts";
import type { Story } from "./story.ts";

const TEXT = "wörld → 🌍";
const SECRET = "MAIL FROM:<nobody@example.com>";
/** How long any step may take. */
const PATIENCE_MS = 5000;

/** TLS from the first byte, TLS for the wrong name, and TLS that begins in the middle of a connection. */
export async function tls(story: Story): Promise<void> {
  const server = await Peer.start("tls-server");
  const [echoPort = 0, mailPort = 0] = server.ports;
  try {
    await echo(story, echoPort);
    await wrongName(story, echoPort);
    await startTls(story, mailPort, server);
  } finally {
    await server.kill();
  }
}

async function echo(story: Story, port: number): Promise<void> {
  const started = performance.now();
  const conn = new TlsConnection("localhost", port, { tls: { ca: AUTHORITY } });
  try {
    conn.setDeadline(PATIENCE_MS);
    await conn.writeAll(TEXT); // waits until the connection is open, as every method does
    const back = String(await conn.readExact(Buffer.byteLength(TEXT)));
    const { protocol = "no TLS", cipher = "", authorized = false } = conn.tlsInfo ?? {};
    story.log(`TLS  localhost:${port}, ${story.value(protocol)} with ${cipher}`);
    story.log(`     open, verified and echoed in ${duration(performance.now() - started)}`);
    story.claim(back === TEXT, `TLS: "${TEXT}" came back unchanged`, back);
    story.claim(authorized && conn.isTLS(), "TLS: the certificate is the demo authority's, for localhost");
  } finally {
    conn.close();
  }
  await conn.closed;
}

async function wrongName(story: Story, port: number): Promise<void> {
  /* The same server by its address, for which its certificate is not. */
  const conn = new TlsConnection("127.0.0.1", port, { tls: { ca: AUTHORITY } });
  try {
    const code = await codeOf(conn.opened);
    story.log(`     127.0.0.1:${port}, the same server: ${code}`);
    story.claim(code === "ERR_TLS_NAME", "TLS: a certificate for another name is refused", code);
  } finally {
    conn.close();
  }
}

async function startTls(story: Story, port: number, server: Peer): Promise<void> {
  const conn = new TcpConnection("localhost", port);
  try {
    conn.setDeadline(PATIENCE_MS);
    const greeting = await line(conn);
    const { handle } = conn;
    const clear = !conn.isTLS();
    story.log(`TCP  localhost:${port} says in plain text: ${greeting}`);
    await conn.writeAll("STARTTLS\r\n");
    await line(conn);
    const code = await codeOf(conn.upgradeToTLS("localhost", { ca: AUTHORITY }));
    const changed = clear && conn.isTLS() && conn.handle === handle;
    story.claim(changed, "STARTTLS: isTLS() was false, is true; the handle is the same", code);
    if (!changed) return;
    await conn.writeAll(`${SECRET}\r\n`);
    await line(conn);
    await server.messages.until(() => server.sent[0], "the report of the server", 5);
    const received = server.sent[0] ?? "nothing";
    story.log(`     the server received by ${received}`);
    story.claim(
      received === `${conn.tlsInfo?.protocol}: ${SECRET}`,
      "STARTTLS: the data after it arrived by TLS",
      received,
    );
  } finally {
    conn.close();
  }
  await conn.closed;
}

/** Reads a line; the server sends one at a time. */
async function line(conn: TcpConnection): Promise<string> {
  let text = "";
  while (!text.endsWith("\r\n")) {
    const chunk = await conn.read(256);
    if (chunk.length === 0) throw new Error(`the server ended after ${JSON.stringify(text)}`);
    text += new TextDecoder().decode(chunk);
  }
  return text.trimEnd();
}

/** The code with which something fails. */
async function codeOf(promise: Promise<void>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof TwinwireError ? error.code : String(error);
  }
}
