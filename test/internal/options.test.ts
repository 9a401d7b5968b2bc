import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import { TwinwireError } from "twinwire";
import {
  callback,
  complete,
  flag,
  integer,
  listOf,
  number,
  OptionSet,
  oneOf,
  signal,
  text,
  tlsOptions,
} from "../../api/internal/options.ts";
import type { TlsOptions } from "../../wasm/port-types.ts";

interface Sample {
  readonly reconnect?: boolean | undefined;
  readonly size?: number | undefined;
  readonly jitter?: number | undefined;
  readonly names?: readonly string[] | undefined;
  readonly version?: "a" | "b" | undefined;
  readonly heartbeat?: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

const heartbeat = new OptionSet<{ intervalMs?: number; timeoutMs?: number }>({
  intervalMs: integer(1, 1000),
  timeoutMs: integer(1, 1000),
});

const sample = new OptionSet<Sample>({
  reconnect: flag,
  size: integer(0, 100),
  jitter: number(0, 1),
  names: listOf(text, "a list of names"),
  version: oneOf("a", "b"),
  heartbeat: complete(heartbeat),
  tls: tlsOptions.rule,
  signal,
  onError: callback(),
});

const read = (given: unknown): Sample => sample.read("Sample", given);

function refusal(given: unknown): string {
  try {
    read(given);
  } catch (error) {
    if (error instanceof TwinwireError && error.code === "ERR_ARGUMENT") return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("options", () => {
  test("no options are an object with every option undefined", () => {
    for (const given of [undefined, {}, Object.create(null), { size: undefined }]) {
      const options = read(given);
      expect(Object.keys(options)).toEqual(sample.names);
      expect(Object.values(options).every((it) => it === undefined)).toBe(true);
    }
  });

  test("an unknown name is an error that offers the nearest one", () => {
    expect(refusal({ reconect: true })).toBe(
      'ERR_ARGUMENT: Sample: unknown option "reconect"; did you mean "reconnect"?',
    );
    expect(refusal({ Size: 1 })).toContain('did you mean "size"?');
    expect(refusal({ tls: { rejectUnauthorised: true } })).toBe(
      'ERR_ARGUMENT: Sample: unknown option "tls.rejectUnauthorised"; did you mean "tls.rejectUnauthorized"?',
    );
    expect(refusal({ heartbeat: { interval: 1 } })).toContain('did you mean "heartbeat.intervalMs"?');
    expect(refusal({ heartbeat: { ms: 1 } })).toContain("the options are intervalMs, timeoutMs");
    expect(refusal({ colour: 1 })).toContain("the options are reconnect, size, jitter");
    expect(refusal(JSON.parse('{"__proto__": {}}'))).toContain('unknown option "__proto__"');
    for (const name of ["toString", "constructor", "x".repeat(1e6)]) refusal({ [name]: 1 });
  });

  test("numbers are checked", () => {
    for (const size of [Number.NaN, 1.5, -1, 101, Infinity, "1", null, 1n, {}, [], true]) refusal({ size });
    for (const jitter of [Number.NaN, -0.1, 1.1, "0.5", null]) refusal({ jitter });
    expect(Object.is(read({ size: -0 }).size, 0)).toBe(true);
    expect(Object.is(read({ jitter: -0 }).jitter, 0)).toBe(true);
    expect(refusal({ size: 101 })).toBe("ERR_ARGUMENT: Sample: size must be a whole number from 0 to 100, not 101");
  });

  test.each([
    { reconnect: 1 },
    { names: "a" },
    { names: [1] },
    { names: new Array(1) },
    { version: "c" },
    { heartbeat: true },
    { heartbeat: null },
    { heartbeat: { intervalMs: 1 } },
    { heartbeat: { intervalMs: 1, timeoutMs: 0 } },
    { signal: {} },
    { signal: null },
    { onError: "log" },
    { tls: [] },
    { tls: new Map() },
    { tls: { ca: [] } },
    { tls: { ca: "nonsense" } },
    { tls: { ca: [new Uint8Array(0)] } },
    { tls: { alpn: [""] } },
    { tls: { alpn: "h2" } },
    { tls: { pin: "00:11" } },
    { tls: { minVersion: "TLSv1" } },
    { tls: { rejectUnauthorized: "false" } },
  ])("%j is refused", (given) => {
    expect(refusal(given)).toMatch(/^ERR_ARGUMENT: Sample: \w+(\.\w+|\[\d+\])* (must be|is missing)/);
  });

  test("only plain objects hold options, of any realm", () => {
    class Settings {
      readonly size = 1;
    }
    for (const given of [null, 1, "size", true, [], new Map(), new Settings(), Object.create({ size: 1 }), () => {}]) {
      expect(refusal(given)).toContain("must be a plain object");
    }
    expect(read(Object.assign(Object.create(null), { size: 1 })).size).toBe(1);
    expect(read(runInNewContext("({ size: 1 })")).size).toBe(1);
  });

  test("they are copied, nested ones and lists too", () => {
    const cert = Buffer.from("-----BEGIN CERTIFICATE-----");
    const given = { size: 1, names: ["a"], tls: { alpn: ["h2"], cert }, heartbeat: { intervalMs: 1, timeoutMs: 2 } };
    const options = read(given);
    given.size = 2;
    given.names.push("b");
    given.tls.alpn.push("h3");
    given.heartbeat.timeoutMs = 3;
    cert.fill(0);
    expect(options).toMatchObject({ size: 1, names: ["a"], heartbeat: { intervalMs: 1, timeoutMs: 2 } });
    expect(options.tls?.alpn).toEqual(["h2"]);
    expect(options.tls?.cert).toEqual(Uint8Array.from(Buffer.from("-----BEGIN CERTIFICATE-----")));
  });

  test("a getter is read once, and one that throws is an error with a code", () => {
    let reads = 0;
    const counting = {
      get size() {
        reads += 1;
        return reads;
      },
    };
    expect(read(counting).size).toBe(1);
    expect(reads).toBe(1);
    const cause = new Error("no size today");
    const throwing = {
      get size(): number {
        throw cause;
      },
    };
    expect(refusal(throwing)).toContain("Sample: an option can't be read; no size today; make it");
    expect(
      refusal({
        tls: {
          get ca() {
            throw cause;
          },
        },
      }),
    ).toContain("no size today");
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    refusal(proxy);
    refusal({ tls: proxy });
  });

  test("what stands on Object.prototype has no effect", () => {
    const polluted = Object.prototype as { size?: number; rejectUnauthorized?: boolean };
    try {
      polluted.size = 7;
      polluted.rejectUnauthorized = false;
      expect(read(undefined).size).toBeUndefined();
      expect(read({}).size).toBeUndefined();
      expect(read({ tls: {} }).tls?.rejectUnauthorized).toBeUndefined();
    } finally {
      delete polluted.size;
      delete polluted.rejectUnauthorized;
    }
  });
});
