import { createPort } from "../../adapters/node/index.ts";
import { listenerSuite } from "./listener-suite.ts";

listenerSuite("node", createPort);
