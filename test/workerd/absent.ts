/** What suites import that is not there in workerd: their tests that need it are listed in adapters.test.ts. */
import { type ErrorCode, Errors } from "../../wasm/abi.gen.ts";

function absent(): never {
  throw new Error("workerd does not have this");
}

export const HOST = "127.0.0.1";
export const host = "workerd";

/** The differences of test/hosts.json are those of other hosts. */
export function differs(): boolean {
  return false;
}

export function nameOf(error: number): string {
  return (Object.keys(Errors) as ErrorCode[]).find((it) => Errors[it].value === error) ?? `${error}`;
}

export {
  absent as breakOff,
  absent as certificates,
  absent as deafPeer,
  absent as describeWith,
  absent as dial,
  absent as findTool,
  absent as inFiles,
  absent as nameHosts,
  absent as plainClient,
  absent as portFrom,
  absent as startChild,
  absent as tlsPeer,
  absent as wire,
};
