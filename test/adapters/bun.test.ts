import { createPort } from "../../adapters/bun/index.ts";
import { portSuite } from "./suite.ts";

portSuite("bun", createPort);
