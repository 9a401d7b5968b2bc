import { MessageChannel } from "node:worker_threads";
import { MemoryBroker, PortDriver } from "../../api/hub.ts";
import { driverSuite } from "./suite.ts";

driverSuite("worker threads", async () => {
  const broker = new MemoryBroker();
  return () => {
    const { port1, port2 } = new MessageChannel();
    broker.serve(port1);
    return new PortDriver(port2);
  };
});
