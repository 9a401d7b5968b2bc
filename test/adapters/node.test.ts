import { expect, test } from "@jest/globals";
import { createPort } from "../../adapters/node/index.ts";
import { errorNumber, mostSpecificError } from "../../adapters/shared/errors.ts";
import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";
import { portSuite } from "./suite.ts";

portSuite("node", createPort);

test("what Node reports is an error of the table", () => {
  const code = (error: unknown): ErrorCode | undefined =>
    (Object.keys(Errors) as ErrorCode[]).find((it) => Errors[it].value === errorNumber(error));
  const failed = (name: string): Error => Object.assign(new Error(name), { code: name });
  expect(code(failed("ECONNREFUSED"))).toBe("ERR_REFUSED");
  expect(code(failed("EPIPE"))).toBe("ERR_RESET");
  expect(code(failed("ETIMEDOUT"))).toBe("ERR_TIMEOUT");
  expect(code(failed("ENETUNREACH"))).toBe("ERR_UNREACHABLE");
  expect(code(failed("ENOTFOUND"))).toBe("ERR_NAME_NOT_FOUND");
  expect(code(failed("EAI_AGAIN"))).toBe("ERR_NAME_FAILED");
  expect(code(failed("EADDRINUSE"))).toBe("ERR_IN_USE");
  expect(code(failed("EACCES"))).toBe("ERR_ACCESS");
  expect(code(failed("EMFILE"))).toBe("ERR_DESCRIPTORS");
  expect(
    code(mostSpecificError([failed("EWHAT"), failed("ENETUNREACH"), failed("ECONNREFUSED"), failed("ETIMEDOUT")])),
  ).toBe("ERR_REFUSED");
  expect(code(mostSpecificError([failed("EWHAT")]))).toBe("ERR_HOST");
  expect(code(failed("EWHAT"))).toBe("ERR_HOST");
  expect(code(Object.assign(failed("EADDRNOTAVAIL"), { syscall: "connect" }))).toBe("ERR_UNREACHABLE");
  expect(code(Object.assign(failed("EADDRNOTAVAIL"), { syscall: "listen" }))).toBe("ERR_HOST");
  for (const error of [new Error("plain"), null, undefined, "ECONNREFUSED", { code: 7 }, { code: "toString" }]) {
    expect(code(error)).toBe("ERR_HOST");
  }
});
