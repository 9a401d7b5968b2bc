import { createPort } from "../../adapters/deno/index.ts";
import { listenerSuite } from "./listener-suite.ts";
import { outerTlsSuite } from "./outer-tls-suite.ts";
import { peerSuite } from "./peer-suite.ts";
import { processSuite } from "./process-suite.ts";
import { tlsClientSuite } from "./tls-client-suite.ts";
import { tlsServerSuite } from "./tls-server-suite.ts";

listenerSuite("deno", createPort);
tlsClientSuite("deno", createPort);
outerTlsSuite("deno", createPort);
tlsServerSuite("deno", createPort);
peerSuite("deno", createPort);
processSuite("deno", createPort);
