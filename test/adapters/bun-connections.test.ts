import { createPort } from "../../adapters/bun/index.ts";
import { listenerSuite } from "./listener-suite.ts";
import { outerTlsSuite } from "./outer-tls-suite.ts";
import { peerSuite } from "./peer-suite.ts";
import { processSuite } from "./process-suite.ts";
import { tlsClientSuite } from "./tls-client-suite.ts";
import { tlsServerSuite } from "./tls-server-suite.ts";

listenerSuite("bun", createPort);
tlsClientSuite("bun", createPort);
outerTlsSuite("bun", createPort);
tlsServerSuite("bun", createPort);
peerSuite("bun", createPort);
processSuite("bun", createPort);
