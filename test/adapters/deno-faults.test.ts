import { createPort } from "../../adapters/deno/index.ts";
import { faultSuite } from "./fault-suite.ts";

faultSuite("deno", createPort);
