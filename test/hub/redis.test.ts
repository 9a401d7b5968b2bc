import { describeWith } from "../support/child.ts";
import { RedisServer, redisTool } from "./redis-server.ts";
import { driverSuite } from "./suite.ts";

describeWith(redisTool, "Redis", (program) => {
  driverSuite("Redis", async () => {
    const server = await RedisServer.start(program);
    return () => server.driver();
  });
});
