/**
 * The suites that every host has to pass, by the POSIX host: its own files, compiled as a module of Node, with a port in
 * front of them that JavaScript calls. See port/port.c.
 *
 * peerSuite is left out: port.h has no look-ups apart from connections (tw_resolve is a call that waits), an empty address
 * is that of IPv4 alone, and a group's interface is chosen in joining it. udp.test.ts and settings.c check datagrams, groups
 * and keep-alive with net.h.
 */
import { beforeAll } from "@jest/globals";
import type { Port } from "../../adapters/port.ts";
import { listenerSuite } from "../adapters/listener-suite.ts";
import { portSuite } from "../adapters/suite.ts";
import { tlsClientSuite } from "../adapters/tls-client-suite.ts";
import { tlsServerSuite } from "../adapters/tls-server-suite.ts";
import { describeWith } from "../support/child.ts";
import { BUILD_PATIENCE } from "./build.ts";
import { loadModule, moduleTools, portsOf } from "./port/index.ts";

describeWith(moduleTools(), "the POSIX host as a port", () => {
  let create: () => Port = () => {
    throw new Error("the module is not there yet");
  };
  beforeAll(async () => {
    create = portsOf(await loadModule());
  }, BUILD_PATIENCE);

  portSuite("posix", () => create());
  listenerSuite("posix", () => create());
  tlsClientSuite("posix", () => create());
  tlsServerSuite("posix", () => create());
});
