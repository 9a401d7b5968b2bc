import { createPort } from "../../adapters/bun/index.ts";
import { faultSuite } from "./fault-suite.ts";

faultSuite("bun", createPort);
