/** The order in which the addresses of a host are tried, and how a race ends; attempts are the test's own. */
import { describe, expect, test } from "@jest/globals";
import { race } from "../../adapters/shared/race.ts";
import { nameHosts } from "../support/faults.ts";
import { pause, until } from "../support/wait.ts";

const failedWith = (code: string): Error => Object.assign(new Error(code), { code });

/** A race whose attempts the test ends; what was tried, given up and reported stands in `seen`. */
function startRace(host: string, allows?: (address: string) => boolean) {
  const seen: string[] = [];
  const attempts = new Map<string, (error?: Error) => void>();
  const errors: Error[] = [];
  const stop = race(
    host,
    (address, ended) => {
      seen.push(address);
      attempts.set(address, ended);
      return () => seen.push(`-${address}`);
    },
    (error) => errors.push(error),
    allows,
  );
  /** Ends an attempt as soon as it is running. */
  const end = async (address: string, error?: Error): Promise<void> => {
    await until(() => attempts.has(address), `an attempt to ${address}`);
    attempts.get(address)?.(error);
  };
  return { seen, errors, end, stop };
}

describe("the race for a host's addresses", () => {
  test("families alternate, and a failed attempt is followed by the next", async () => {
    nameHosts({ "many.test": ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::1", "2001:db8::2"] });
    const { seen, errors, end } = startRace("many.test");
    const order = ["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3", "192.0.2.4"];
    for (const address of order) {
      expect(errors).toEqual([]);
      await end(address, failedWith(address === "192.0.2.2" ? "ECONNREFUSED" : "ENETUNREACH"));
    }
    expect(seen).toEqual(order);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: "ECONNREFUSED" });
    expect((errors[0] as AggregateError).errors).toHaveLength(order.length);
  });

  test("the first connection wins, and the other attempts are given up", async () => {
    nameHosts({ "two.test": ["2001:db8::1", "192.0.2.1"] });
    const { seen, errors, end } = startRace("two.test");
    await end("192.0.2.1"); /* begun while the first one still runs */
    expect(seen).toEqual(["2001:db8::1", "192.0.2.1", "-2001:db8::1"]);
    await end("2001:db8::1", failedWith("ECONNREFUSED")); /* too late */
    expect(errors).toEqual([]);
  });

  test("the last attempt that fails ends the race, whichever it is", async () => {
    nameHosts({ "two.test": ["192.0.2.1", "192.0.2.2"] });
    const { errors, end } = startRace("two.test");
    await end("192.0.2.2", failedWith("ECONNREFUSED"));
    expect(errors).toEqual([]);
    await end("192.0.2.1", failedWith("ETIMEDOUT"));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("only allowed addresses are tried; without any the race fails", async () => {
    nameHosts({ "some.test": ["192.0.2.1", "192.0.2.2"] });
    const one = startRace("some.test", (address) => address.endsWith(".2"));
    await one.end("192.0.2.2", failedWith("ECONNREFUSED"));
    expect(one.seen).toEqual(["192.0.2.2"]);
    expect(one.errors).toHaveLength(1);
    const none = startRace("some.test", () => false);
    await until(() => none.errors.length > 0, "the refusal");
    expect(none.errors[0]).toMatchObject({ code: "ERR_POLICY" });
    expect(none.seen).toEqual([]);
  });

  test("a host without an address fails with what the look-up said", async () => {
    nameHosts({ "none.test": [] });
    const { seen, errors } = startRace("none.test");
    await until(() => errors.length > 0, "the failure");
    expect(errors[0]?.message).toBe("none.test has no address");
    expect(seen).toEqual([]);
  });

  test("a literal address is tried at once, and a race that is stopped tries nothing more", async () => {
    const literal = startRace("192.0.2.1");
    expect(literal.seen).toEqual(["192.0.2.1"]);
    literal.stop();
    expect(literal.seen).toEqual(["192.0.2.1", "-192.0.2.1"]);
    nameHosts({ "two.test": ["192.0.2.1", "192.0.2.2"] });
    const early = startRace("two.test");
    early.stop();
    const later = startRace("two.test");
    await later.end("192.0.2.1", failedWith("ECONNREFUSED"));
    later.stop();
    await pause(300); /* more than the delay of the next attempt */
    expect(early.seen).toEqual([]);
    expect(later.seen).toEqual(["192.0.2.1", "192.0.2.2", "-192.0.2.2"]);
    expect([...literal.errors, ...early.errors, ...later.errors]).toEqual([]);
  });
});
