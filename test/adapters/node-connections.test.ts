import { createPort } from "../../adapters/node/index.ts";
import { listenerSuite } from "./listener-suite.ts";
import { outerTlsSuite } from "./outer-tls-suite.ts";
import { peerSuite } from "./peer-suite.ts";
import { processSuite } from "./process-suite.ts";
import { tlsClientSuite } from "./tls-client-suite.ts";
import { tlsServerSuite } from "./tls-server-suite.ts";

listenerSuite("node", createPort);
tlsClientSuite("node", createPort);
outerTlsSuite("node", createPort);
tlsServerSuite("node", createPort);
peerSuite("node", createPort);
processSuite("node", createPort);
