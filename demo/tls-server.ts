/**
 * A TLS server in a process of its own, with plain node:tls. The first port echoes by TLS. The second port answers lines in
 * plain text; after the line STARTTLS, the same connection continues with TLS. It reports each line that arrives by TLS to
 * the demo over the channel between the processes.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { createSecureContext, createServer as createTlsServer, TLSSocket } from "node:tls";
import { CERTIFICATE, KEY } from "./certificates.ts";
import { lies, post } from "./peer-side.ts";

const identity = { cert: CERTIFICATE, key: KEY };

const echo = createTlsServer(identity, (client) => {
  client.on("data", (data) => client.write(lies("tls") ? String(data).toUpperCase() : data));
  client.on("error", () => client.destroy());
});
echo.on("tlsClientError", () => {}); // One who does not like the certificate just goes.

const mail = createServer((client) => {
  client.write("220 ready when you are\r\n");
  client.once("data", (data) => {
    if (String(data) !== "STARTTLS\r\n") {
      client.destroy();
      return;
    }
    client.write("220 go ahead\r\n");
    if (lies("starttls")) goOn(client);
    else goOn(new TLSSocket(client, { isServer: true, secureContext: createSecureContext(identity) }));
  });
  client.on("error", () => client.destroy());
});

/** Answers lines, whatever carries them. */
function goOn(client: Socket | TLSSocket): void {
  client.on("error", () => client.destroy());
  createInterface({ input: client }).on("line", (line) => {
    const protocol = client instanceof TLSSocket ? client.getProtocol() : null;
    post({ kind: "sent", text: `${protocol ?? "plain text"}: ${line}` });
    client.write("250 so it is\r\n");
  });
}

echo.listen(0, "127.0.0.1");
mail.listen(0, "127.0.0.1");
await Promise.all([once(echo, "listening"), once(mail, "listening")]);
post({ kind: "ready", ports: [(echo.address() as AddressInfo).port, (mail.address() as AddressInfo).port] });
