import process from "node:process";
import { isPermitted } from "./permissions.ts";

/** As `Port.env`. */
export function readEnv(name: string): string | undefined {
  return isPermitted({ name: "env", variable: name }) ? process.env[name] : undefined;
}
