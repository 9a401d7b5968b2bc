import { createPort } from "../../adapters/node/index.ts";
import { faultSuite } from "./fault-suite.ts";

faultSuite("node", createPort);
