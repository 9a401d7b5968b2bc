// Lives: programs of all APIs on a simulated network with faults, and what must hold in each of them. One seed is one life.

import { sim } from "twinwire/sim";

/** Stops a life: an invariant does not hold. */
export class Violation extends Error {
  name = "Violation";
}

export function hold(condition, what) {
  if (!condition) throw new Violation(what);
}

/** A generator of its own, so that options do not depend on what a life does. */
function generator(seed) {
  let state = (Number(seed) * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 0x1_0000_0000;
  };
}

/** The faults of a seed: a third of them, each weak or strong. */
export function optionsOf(seed) {
  const random = generator(seed);
  const options = { latencyMs: 1 + Math.floor(random() * 80), jitterMs: Math.floor(random() * 100) };
  const maybe = (name, make) => {
    const chosen = random() < 0.35;
    const value = make(random());
    if (chosen) options[name] = value;
  };
  maybe("socketBuffer", (x) => 256 + Math.floor(x * 20_000));
  maybe("segment", (x) => 1 + Math.floor(x * 3_000));
  maybe("bandwidth", (x) => 5_000 + Math.floor(x * 500_000));
  for (const name of ["partialWrite", "borrowedWrite", "partialRead", "joinedRead"]) maybe(name, (x) => x);
  maybe("segmentLoss", (x) => x * 0.1);
  for (const name of ["reset", "earlyEnd", "refused", "blackHole", "silent"]) maybe(name, (x) => x * 0.3);
  maybe("faultWithin", (x) => Math.floor(x * x * 20_000));
  maybe("tlsFailure", (x) => x * 0.5);
  for (const name of ["datagramLoss", "datagramDuplication", "datagramReordering"]) maybe(name, (x) => x * 0.5);
  maybe("dnsFailure", (x) => x * 0.3);
  maybe("callFailure", (x) => x * 0.02);
  maybe("sockets", (x) => 16 + Math.floor(x * 30));
  maybe("partitions", (x) => ({ everyMs: 5_000 + Math.floor(x * 60_000), forMs: 500 + Math.floor(x * 30_000) }));
  maybe("pauses", (x) => ({ everyMs: 3_000 + Math.floor(x * 30_000), forMs: 100 + Math.floor(x * 8_000) }));
  maybe("clockJumps", (x) => ({ everyMs: 10_000, forMs: Math.floor(x * 1e8) + 1 }));
  return options;
}

/** Small limits, so that tables and buffers are full now and then. */
const limits = {
  sockets: 24,
  webSockets: 12,
  sendBuffer: 16_384,
  sendPool: 65_536,
  recvBuffer: 4_096,
  stageBuffer: 65_536,
  maxMessage: 32_768,
  stallTimeoutMs: 20_000,
};

/** Bytes of which each says where it belongs: byte `at` of the stream `id`. */
export function pattern(id, at, size) {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = ((at + i) * 31 + id * 7 + ((at + i) >> 8)) & 255;
  return bytes;
}

export function checkPattern(id, at, bytes, where) {
  const expected = pattern(id, at, bytes.length);
  for (let i = 0; i < bytes.length; i++) {
    hold(bytes[i] === expected[i], `${where}: byte ${at + i} of stream ${id} is ${bytes[i]} instead of ${expected[i]}`);
  }
}

/** Waits for a promise, which must be settled within `ms` of simulated time. */
export async function ends(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Violation(`${what}: a wait of more than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** As `ends`; an error with a code is a result, too: any other is a violation. */
export async function settles(promise, ms, what) {
  try {
    return { value: await ends(promise, ms, what) };
  } catch (error) {
    if (error instanceof Violation) throw error;
    hold(
      typeof error?.code === "string" && /^ERR_/.test(error.code),
      `${what}: an error without a code: ${error?.stack}`,
    );
    return { error };
  }
}

/** How long anything may wait: longer than every limit of the engine, than pauses and partitions. */
export const PATIENCE_MS = 400_000;

/**
 * Lives one life.
 *
 * @returns its digest and its steps.
 */
export async function live(seed, activities, options = optionsOf(seed)) {
  return sim.run(seed, { ...options, limits, maxMs: 20_000_000, maxSteps: 3_000_000 }, async (net) => {
    const server = net.host("server");
    const clients = [net.host("one"), net.host("two")];
    const third = net.host("three");
    const world = { net: { options }, server, clients, third, random: Math.random, stop: [] };
    const chosen = activities.filter(() => Math.random() < 0.6);
    await Promise.all((chosen.length > 0 ? chosen : activities).map((activity) => activity(world)));
    for (const stop of world.stop.reverse()) await stop();
    net.change({ sockets: 65_536, callFailure: 0, dnsFailure: 0 });
    await sim.advance(PATIENCE_MS);
    for (const host of [server, ...clients, third]) checkEmpty(host);
    return { digest: net.digest, steps: net.steps, ms: sim.now() };
  });
}

/** Whether a host has returned everything: sockets, handles, memory. */
function checkEmpty(host) {
  hold(host.sockets === 0, `${host.name} has ${host.sockets} sockets open at the end`);
  const { net } = host.handles;
  const opened = [];
  for (let count = 0; count < limits.sockets; count++) opened.push(net.udpOpen(0));
  const refused = opened.filter((handle) => !(handle > 0)).length;
  hold(refused === 0, `${host.name}: ${refused} of ${limits.sockets} handles are not free at the end`);
  for (const handle of opened) net.close(handle);
}
