import { describeWith } from "../support/child.ts";
import { NatsServer, natsTool } from "./nats-server.ts";
import { driverSuite } from "./suite.ts";

describeWith(natsTool, "NATS", (program) => {
  driverSuite("NATS", async () => {
    const server = await NatsServer.start(program);
    return () => server.driver();
  });
});
