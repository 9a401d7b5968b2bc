// Talks to a Redis server. Start it with its host and port, for example
//   node build/tools/examples/redis-demo.js 127.0.0.1 6379

import { Redis } from "./redis.ts";

const [host = "127.0.0.1", port = "6379"] = process.argv.slice(2);

const redis = Redis.connect(host, Number(port));
await redis.set("greeting", "Grüße");
console.log(await redis.get("greeting"));

// A thousand commands in one write, and their answers in order.
const counts = await Promise.all(Array.from({ length: 1000 }, () => redis.command("INCR", "counter")));
console.log(`${counts.length} answers`);

await redis.command("NO-SUCH-COMMAND").catch((error: Error) => console.log(error.message.split(",")[0]));
await redis.command("DEL", "greeting", "counter");
redis.close();
