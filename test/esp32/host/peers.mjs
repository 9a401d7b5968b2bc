// Real programs as peers: servers of node:tls and of the package ws, with certificates of their own.
//
//   node peers.mjs ADDRESS FOLDER    writes FOLDER/*.pem, prints "name port" for each server, then "ready"

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createNetServer } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";

const [address, folder] = process.argv.slice(2);
const at = (name) => join(folder, name);

function openssl(...args) {
  const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8", timeout: 20_000 });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const day = (offset) =>
  `${new Date(Date.now() + offset * 86_400_000).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;

function authority(name) {
  openssl(
    ...["req", "-x509", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.pem`, "-days", "2"],
    ...["-subj", `/CN=${name}`, "-addext", "basicConstraints=critical,CA:TRUE"],
  );
}

// "openssl ca" is the one that takes dates, which an expired certificate needs.
function sign(name, dnsName, from, to, key = newKey) {
  openssl(
    ...["req", "-new", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`],
    ...["-addext", `subjectAltName=DNS:${dnsName}`],
  );
  openssl(
    ...["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"],
    ...["-in", `${name}.csr`, "-out", `${name}.pem`, "-startdate", day(from), "-enddate", day(to)],
  );
  return { cert: readFileSync(at(`${name}.pem`)), key: readFileSync(at(`${name}.key`)) };
}

authority("ca");
authority("stranger");
writeFileSync(at("index.txt"), "");
writeFileSync(at("serial"), "01\n");
writeFileSync(
  at("ca.cnf"),
  `[ca]\ndefault_ca = it\n[it]\ndatabase = ${at("index.txt")}\nserial = ${at("serial")}\nnew_certs_dir = ${folder}
default_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n[any]\ncommonName = supplied\n`,
);
const good = sign("good", "peer.test", -1, 2);
const other = sign("other", "elsewhere.test", -1, 2);
const expired = sign("expired", "peer.test", -9, -1);
sign("client", "client.test", -1, 2);
const rsa = sign("rsa", "peer.test", -1, 2, ["-newkey", "rsa:2048", "-nodes"]);

function serve(name, server) {
  server.listen(0, address, () => console.log(`${name} ${server.address().port}`));
  server.on("tlsClientError", () => {});
  return server;
}

function echo(socket) {
  socket.on("error", () => {});
  socket.pipe(socket);
}

function startWhenAsked(socket) {
  socket.on("error", () => {});
  socket.write("220 go ahead\n");
  socket.once("data", () => echo(new TLSSocket(socket, { isServer: true, ...good })));
}

serve("echo", createTlsServer(good, echo));
serve("other", createTlsServer(other, echo));
serve("expired", createTlsServer(expired, echo));
serve("mutual", createTlsServer({ ...good, ca: readFileSync(at("ca.pem")), requestCert: true }, echo));
serve(
  "goodbye",
  createTlsServer(good, (socket) => socket.end()),
);
serve("rsa", createTlsServer({ ...rsa, maxVersion: "TLSv1.2" }, echo));
serve(
  "psk",
  createTlsServer(
    {
      ciphers: "PSK",
      maxVersion: "TLSv1.2",
      pskCallback: (_socket, identity) => (identity === "device" ? Buffer.from("0123456789abcdef") : null),
    },
    echo,
  ),
);
/** A proxy for HTTP CONNECT, to one server. */
function tunnel(socket) {
  socket
    .on("error", () => {})
    .once("data", (head) => {
      const [method, target] = head.toString("latin1").split(" ");
      const port = Number(target.split(":")[1]);
      const there = connect(port, address, () => {
        socket.write("HTTP/1.1 200 go on\r\n\r\n");
        socket.pipe(there).pipe(socket);
      }).on("error", () => socket.destroy());
      if (method !== "CONNECT") socket.destroy();
    });
}
serve("proxy", createNetServer(tunnel));
serve("starttls", createNetServer(startWhenAsked));
/** Ends the TCP connection below TLS: no close_notify. */
function cutOff(socket) {
  socket.on("error", () => {});
  const secured = new TLSSocket(socket, { isServer: true, ...good });
  secured.on("error", () => {}).on("data", () => socket.destroy());
}
serve("cut", createNetServer(cutOff));
serve(
  "tickets",
  createTlsServer({ ...good, maxVersion: "TLSv1.2" }, (socket) =>
    socket.on("error", () => {}).end(socket.isSessionReused() ? "again" : "first"),
  ),
);
serve(
  "silent",
  createNetServer((socket) => socket.on("error", () => {})),
);
serve(
  "babble",
  createNetServer((socket) => socket.on("error", () => {}).end("this is no TLS at all\r\n")),
);

function serveWebSockets(name, server, options) {
  new WebSocketServer({ server: serve(name, server), ...options }).on("connection", (socket) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    socket.on("error", () => {});
  });
}

serveWebSockets("wss", createHttpsServer(good));
serveWebSockets("compressed", createHttpServer(), { perMessageDeflate: { threshold: 0 } });
setTimeout(() => console.log("ready"), 100);
process.stdin.on("end", () => process.exit(0)).resume(); // whoever started it is gone
