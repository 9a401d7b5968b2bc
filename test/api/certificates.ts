/** Certificates for tests, made for each run by openssl. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** What the tests of TLS need. */
export interface Certificates {
  /** The authority that signed those below, but for `selfSigned`. */
  readonly ca: string;
  /** For `localhost`, 127.0.0.1 and ::1. */
  readonly good: Identity;
  /** For `elsewhere.example` only. */
  readonly otherName: Identity;
  /** Good until yesterday. */
  readonly expired: Identity;
  /** For `localhost`, by nobody else. */
  readonly selfSigned: Identity;
  /** A client's. */
  readonly client: Identity;
}

/** Makes them. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-tls-"));
  try {
    return makeIn(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function makeIn(folder: string): Certificates {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: folder, encoding: "utf8", timeout: 20_000 });
    if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
  };
  const read = (name: string): string => readFileSync(at(name), "utf8");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const selfSign = (name: string, subject: string, ...extensions: string[]): void =>
    openssl(
      ...["req", "-x509", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.pem`, "-days", "2"],
      ...["-subj", `/CN=${subject}`, ...extensions.flatMap((it) => ["-addext", it])],
    );
  selfSign("ca", "twinwire test authority", "basicConstraints=critical,CA:TRUE");

  /* "openssl ca" is the one that takes dates, which an expired certificate needs. */
  writeFileSync(at("index.txt"), "");
  writeFileSync(at("serial"), "01\n");
  writeFileSync(
    at("ca.cnf"),
    `[ca]\ndefault_ca = it\n[it]\ndatabase = ${at("index.txt")}\nserial = ${at("serial")}\nnew_certs_dir = ${folder}
default_md = sha256\npolicy = any\ncopy_extensions = copy\nunique_subject = no\n[any]\ncommonName = supplied\n`,
  );
  const sign = (name: string, names: string, from: string, to: string): Identity => {
    openssl(
      ...["req", "-new", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`],
      ...["-addext", `subjectAltName=${names}`],
    );
    openssl(
      ...["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"],
      ...["-in", `${name}.csr`, "-out", `${name}.pem`, "-startdate", from, "-enddate", to],
    );
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
  };
  selfSign("selfsigned", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const local = "DNS:localhost,IP:127.0.0.1,IP:::1";
  return {
    ca: read("ca.pem"),
    good: sign("good", local, day(-1), day(2)),
    otherName: sign("other", "DNS:elsewhere.example", day(-1), day(2)),
    expired: sign("expired", local, day(-9), day(-1)),
    selfSigned: { cert: read("selfsigned.pem"), key: read("selfsigned.key") },
    client: sign("client", "DNS:client.example", day(-1), day(2)),
  };
}

/** A day from now as openssl writes it: YYYYMMDDHHMMSSZ. */
function day(offset: number): string {
  const date = new Date(Date.now() + offset * 86_400_000);
  return `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
}
