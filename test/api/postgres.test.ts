/** The PostgreSQL client of examples/ against the real server, which speaks TLS and takes SCRAM-SHA-256 logins only. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Postgres, PostgresError, type PostgresOptions } from "../../examples/postgres.ts";
import { type Child, describeWith, findTool, startChild } from "../support/child.ts";
import { inspected } from "../support/host.ts";
import { endPeers, freePort } from "../support/peers.ts";
import { until, within } from "../support/wait.ts";
import { makeCertificates } from "./certificates.ts";

/** Debian keeps the server's programs apart, by version. */
const versions = "/usr/lib/postgresql";
const folders = existsSync(versions)
  ? readdirSync(versions).map((version) => `${versions}/${version}/bin/postgres`)
  : [];
const tool = findTool("postgresql", [...folders, "postgres"], ["--version"]);

describeWith(tool, "PostgreSQL", (program) => {
  const folder = mkdtempSync(join(tmpdir(), "twinwire-postgres-"));
  const data = join(folder, "data");
  const { ca, good } = makeCertificates();
  const password = "a Grüße password";
  let server: Child;
  let options: PostgresOptions = { host: "localhost", user: "twinwire", password, database: "postgres", tls: { ca } };

  /** PostgreSQL refuses to run as root. */
  function asServer(command: string, ...args: string[]): [string, string[]] {
    if (process.getuid?.() !== 0) return [command, args];
    return ["setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", command, ...args]];
  }

  function run(command: string, ...args: string[]): void {
    const { status, stderr } = spawnSync(...asServer(command, ...args), {
      cwd: "/",
      encoding: "utf8",
      timeout: 170_000,
    });
    if (status !== 0) throw new Error(`${command}: ${stderr}`);
  }

  beforeAll(async () => {
    chmodSync(folder, 0o777);
    const secret = join(folder, "password");
    writeFileSync(secret, `${password}\n`);
    const initdb = program.replace(/postgres$/, "initdb");
    run(
      initdb,
      "-D",
      data,
      "-U",
      "twinwire",
      "--auth=scram-sha-256",
      `--pwfile=${secret}`,
      "-N",
      "--locale=C",
      "-E",
      "UTF8",
    );
    for (const [name, text] of Object.entries({ "server.crt": good.cert, "server.key": good.key })) {
      const copy = join(folder, name);
      writeFileSync(copy, text);
      run("install", "-m", "600", copy, join(data, name));
    }
    writeFileSync(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n");
    const port = await freePort();
    options = { ...options, port };
    const settings = [
      ...["ssl=on", "listen_addresses=127.0.0.1", `port=${port}`, `unix_socket_directories=${folder}`],
      ...["fsync=off", "logging_collector=off", "shared_buffers=1MB", "max_connections=20"],
    ];
    server = startChild(...asServer(program, "-D", data, ...settings.flatMap((setting) => ["-c", setting])));
    await until(() => server.errors.all.some((line) => line.includes("ready to accept connections")), "postgres");
  }, 180_000);

  afterAll(async () => {
    server?.process.kill("SIGINT"); /* so that it ends its own children */
    if (server !== undefined) await within(server.ended, "the end of postgres");
    await endPeers();
    rmSync(folder, { recursive: true, force: true });
  });

  test("SSLRequest, upgradeToTLS, SCRAM, one query", async () => {
    const postgres = await within(Postgres.connect(options), "the login");
    expect([postgres.conn.isTLS(), postgres.conn.tlsInfo?.authorized]).toEqual([true, true]);
    expect(await postgres.query("select 1 + 1 as two, 'Grüße, 東京' as greeting, null as nothing")).toEqual({
      columns: ["two", "greeting", "nothing"],
      rows: [["2", "Grüße, 東京", null]],
      tag: "SELECT 1",
    });
    const [own] = (await postgres.query("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()")).rows;
    expect(own).toEqual(["t", postgres.conn.tlsInfo?.protocol]);
    await postgres.close();
  });

  test("many queries at once, large answers, errors in between", async () => {
    const postgres = await within(Postgres.connect(options), "the login");
    await postgres.query("create temporary table numbers as select generate_series(1, 20000) as n");
    const [sum, all, broken, after] = await within(
      Promise.all([
        postgres.query("select sum(n) from numbers"),
        postgres.query("select n, repeat('x', n % 100) from numbers order by n"),
        postgres.query("select 1 / 0").catch((error: unknown) => error),
        postgres.query("insert into numbers values (0)"),
      ]),
      "the answers",
    );
    expect(sum.rows).toEqual([["200010000"]]);
    expect(all.rows).toHaveLength(20_000);
    expect(all.rows[19_998]).toEqual(["19999", "x".repeat(99)]);
    expect(broken).toBeInstanceOf(PostgresError);
    expect([(broken as PostgresError).code, (broken as Error).message]).toEqual(["22012", "division by zero"]);
    expect(after.tag).toBe("INSERT 0 1");
    await postgres.close();
  });

  test("the program", async () => {
    const file = fileURLToPath(new URL("../../build/tools/examples/postgres-demo.js", import.meta.url));
    const authority = join(folder, "ca.pem");
    writeFileSync(authority, ca);
    const args = [file, "localhost", String(options.port), "twinwire", password, authority];
    const { ended, lines, errors } = startChild(process.execPath, args);
    expect(await within(ended, "the end of the program")).toBe(0);
    expect(errors.all).toEqual([]);
    expect(inspected(lines.all.join(" "))).toBe("TLSv1.3 ['two', 'greeting', 'nothing'] [['2', 'Grüße', null]]");
  });

  test("what must not work does not", async () => {
    const wrong = Postgres.connect({ ...options, password: "wrong" });
    await expect(within(wrong, "the refusal")).rejects.toMatchObject({ name: "PostgresError", code: "28P01" });
    const untrusted = Postgres.connect({ ...options, tls: {} });
    await expect(within(untrusted, "the refusal")).rejects.toMatchObject({ code: "ERR_TLS_UNTRUSTED" });
    const plain = Postgres.connect({ ...options, tls: false });
    await expect(within(plain, "the refusal")).rejects.toMatchObject({ name: "PostgresError", code: "28000" });
    const otherName = Postgres.connect({ ...options, tls: { ca, servername: "elsewhere.example" } });
    await expect(within(otherName, "the refusal")).rejects.toMatchObject({ code: "ERR_TLS_NAME" });
    const nowhere = Postgres.connect({ ...options, port: 1 });
    await expect(within(nowhere, "the refusal")).rejects.toMatchObject({ code: "ERR_REFUSED" });
  });
});
