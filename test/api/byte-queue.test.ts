/** The bytes that wait to be read: whatever the pieces, in order, and never more memory than twice their size. */
import { expect, test } from "@jest/globals";
import { ByteQueue } from "../../api/conn/byte-queue.ts";
import { Memory } from "../../wasm/memory.ts";
import { pattern } from "./support.ts";

const source = pattern(200_000);
const memory = new Memory(new WebAssembly.Memory({ initial: 4 }));
memory.bytes.set(source);

test("pieces of any size, taken by any size, are the same bytes, and what was handed out never changes", () => {
  const queue = new ByteQueue();
  const taken: { part: Uint8Array; copy: Buffer }[] = [];
  let [put, got] = [0, 0];
  for (let step = 1; got < source.length; step++) {
    const size = Math.min([1, 1, 7, 100, 5000, 20_000][step % 6] as number, source.length - put);
    if (size > 0) queue.push(memory, put, size);
    put += size;
    if (step % 3 > 0 && put < source.length) continue;
    const want = [1, 50, 3000, 70_000][step % 4] as number;
    const exact = step % 2 === 0 && queue.size >= want;
    const part = exact ? queue.takeExact(want) : queue.take(want);
    if (exact) expect(part).toHaveLength(want);
    expect(part.length).toBeGreaterThan(0);
    expect(part.length).toBeLessThanOrEqual(want);
    taken.push({ part, copy: Buffer.from(part) });
    got += part.length;
    expect(queue.size).toBe(put - got);
  }
  expect(Buffer.concat(taken.map(({ part }) => part)).equals(source)).toBe(true);
  expect(taken.every(({ part, copy }) => copy.equals(part))).toBe(true);
  expect(queue.takeExact(0)).toHaveLength(0);
});

test("a peer that sends byte by byte costs its bytes, not an object for each", () => {
  const queue = new ByteQueue();
  for (let at = 0; at < 65_536; at++) queue.push(memory, at, 1);
  let parts = 0;
  let memoryTaken = 0;
  const buffers = new Set<ArrayBufferLike>();
  while (queue.size > 0) {
    const { buffer } = queue.take(65_536);
    parts += 1;
    if (!buffers.has(buffer)) memoryTaken += buffer.byteLength;
    buffers.add(buffer);
  }
  expect(parts).toBeLessThan(40);
  expect(memoryTaken).toBeLessThan(150_000);
});

test("clear forgets all", () => {
  const queue = new ByteQueue();
  queue.push(memory, 0, 100);
  queue.clear();
  expect(queue.size).toBe(0);
  queue.push(memory, 5, 3);
  expect(Buffer.from(queue.take(10)).equals(source.subarray(5, 8))).toBe(true);
});
