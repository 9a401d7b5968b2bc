import { createPort } from "../../adapters/deno/index.ts";
import { portSuite } from "./suite.ts";

portSuite("deno", createPort);
