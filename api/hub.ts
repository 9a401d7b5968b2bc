/**
 * twinwire/hub: topics, presence and history over several processes, by way of a broker.
 *
 * @module
 */
export { TwinwireError } from "../wasm/errors.ts";
export type {
  DriverEvents,
  DriverLimits,
  History,
  HubDriver,
  Member,
  OutgoingMessage,
  Position,
  StoredMessage,
} from "./hub/driver.ts";
export { Hub } from "./hub/hub.ts";
export type { NatsConnection, NatsHeaders, NatsMessage } from "./hub/jetstream.ts";
export { MemoryBroker } from "./hub/memory.ts";
export { NatsDriver, type NatsDriverOptions, type NatsModule } from "./hub/nats.ts";
export type {
  Allow,
  HubEvents,
  HubOptions,
  HubPublishOptions,
  HubRequest,
  HubStats,
  JoinOptions,
  Published,
  Verdict,
} from "./hub/options.ts";
export { type HubPort, PortDriver } from "./hub/port.ts";
export { type RedisClient, type RedisConnection, RedisDriver, type RedisDriverOptions } from "./hub/redis.ts";
export { HubClient, type HubClientOptions, type HubSocket } from "./hub-client.ts";
