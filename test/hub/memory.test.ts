import { MemoryBroker } from "../../api/hub.ts";
import { driverSuite } from "./suite.ts";

driverSuite("memory", async () => {
  const broker = new MemoryBroker();
  return () => broker.driver();
});
