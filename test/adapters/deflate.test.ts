/** Raw DEFLATE as the ports of Node, Bun and Deno have it: the part of node:zlib that permessage-deflate needs. */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import type { Compressor, Decompressor } from "../../adapters/port.ts";
import { deflate } from "../../adapters/shared/deflate.ts";
import { createPort } from "../../adapters/template/index.ts";
import { Errors } from "../../wasm/abi.gen.ts";
import { differs } from "../support/host.ts";
import { pause, within } from "../support/wait.ts";

const TAIL = Buffer.from([0, 0, 255, 255]);
const TOO_BIG = Errors.ERR_WS_TOO_BIG.value;
const MALFORMED = Errors.ERR_WS_DEFLATE.value;

function compress(it: Compressor, data: Uint8Array): Promise<Uint8Array | number> {
  return within(new Promise((resolve) => it.compress(data, resolve)), "compressing");
}

function inflate(it: Decompressor, data: Uint8Array, most = 1 << 20): Promise<Uint8Array | number> {
  return within(new Promise((resolve) => it.inflate(data, most, resolve)), "inflating");
}

const text = Buffer.from("the quick brown fox jumps over the lazy dog, again and again and again. ".repeat(40));

test("a message that is compressed within the call refers to what the peer's window holds", async () => {
  for (let windowBits = 9; windowBits <= 15; windowBits++) {
    const decompressor = deflate.decompressor({ windowBits, takeover: true });
    const options = { windowBits, takeover: true, level: 9, memLevel: 9 };
    let before = Buffer.alloc(0);
    const sizes: number[] = [];
    for (const data of [text, text, Buffer.from([7]), Buffer.alloc(100_000, "ab"), text, text]) {
      const window = before.subarray(Math.max(0, before.length - 2 ** windowBits));
      const compressed = deflate.compressNow(data, options, window) as Uint8Array;
      sizes.push(compressed.length);
      expect(data.equals((await inflate(decompressor, compressed)) as Uint8Array)).toBe(true);
      before = Buffer.concat([before, data]);
    }
    const shorter = (sizes[1] as number) < (sizes[0] as number) / 2;
    if (windowBits === 15) expect(shorter).toBe(!differs("deflate-window"));
    decompressor.close();
  }
});

describe.each([
  ["a window that is kept", true],
  ["each message by itself", false],
])("%s", (_, takeover) => {
  test("what was compressed inflates to what it was", async () => {
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      const compressor = deflate.compressor({ windowBits, takeover, level: 9, memLevel: 9 });
      const decompressor = deflate.decompressor({ windowBits, takeover });
      const sizes: number[] = [];
      for (const data of [text, text, Buffer.from([7]), Buffer.alloc(100_000), text]) {
        const compressed = (await compress(compressor, data)) as Uint8Array;
        sizes.push(compressed.length);
        expect(Buffer.from(compressed.subarray(-4)).equals(TAIL)).toBe(false);
        expect(data.equals((await inflate(decompressor, compressed)) as Uint8Array)).toBe(true);
      }
      /* A second time is shorter, if the window was kept and is large enough. */
      if (windowBits === 15) expect((sizes[1] as number) < (sizes[0] as number) / 2).toBe(takeover);
      compressor.close();
      decompressor.close();
    }
  });

  test("zlib itself reads it", async () => {
    const compressor = deflate.compressor({ windowBits: 15, takeover });
    const compressed = Buffer.concat([(await compress(compressor, text)) as Uint8Array, TAIL]);
    expect(inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH }).equals(text)).toBe(true);
    compressor.close();
  });

  test("a cap holds while it inflates", async () => {
    const bomb = deflateRawSync(Buffer.alloc(500_000_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    for (const most of [1, 1000, 1 << 20]) {
      const decompressor = deflate.decompressor({ windowBits: 15, takeover });
      const before = process.memoryUsage().arrayBuffers;
      const start = process.cpuUsage();
      expect(await inflate(decompressor, bomb, most)).toBe(TOO_BIG);
      expect(process.cpuUsage(start).user).toBeLessThan(500_000);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
      decompressor.close();
    }
    const exact = deflate.decompressor({ windowBits: 15, takeover });
    const compressed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    expect((await inflate(exact, compressed, text.length)) as Uint8Array).toHaveLength(text.length);
    exact.close();
  });

  test("what is no DEFLATE", async () => {
    for (const bytes of [[0x07], [0xff, 0xff], [0x05, 1, 2, 3]]) {
      const decompressor = deflate.decompressor({ windowBits: 15, takeover });
      expect(await inflate(decompressor, Buffer.from(bytes))).toBe(MALFORMED);
      decompressor.close();
    }
  });

  test("more work than there is room for: all of it is done, each in its own time", async () => {
    const done = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const compressor = deflate.compressor({ windowBits: 12, takeover });
        const decompressor = deflate.decompressor({ windowBits: 12, takeover });
        const data = Buffer.alloc(1000 + index, index);
        const result = (await inflate(decompressor, (await compress(compressor, data)) as Uint8Array)) as Uint8Array;
        compressor.close();
        decompressor.close();
        return data.equals(result);
      }),
    );
    expect(done).toEqual(Array.from({ length: 50 }, () => true));
  });

  test("nothing is delivered after close, and others go on", async () => {
    let reported = 0;
    for (let index = 0; index < 30; index++) {
      const compressor = deflate.compressor({ windowBits: 15, takeover });
      compressor.compress(Buffer.alloc(1_000_000, index), () => {
        reported += 1;
      });
      compressor.close();
      const decompressor = deflate.decompressor({ windowBits: 15, takeover });
      decompressor.inflate(Buffer.from([0]), 10, () => {
        reported += 1;
      });
      decompressor.close();
    }
    const after = deflate.compressor({ windowBits: 15, takeover });
    expect(await compress(after, text)).toBeInstanceOf(Uint8Array);
    after.close();
    await pause(50);
    expect(reported).toBe(0);
  });
});

test("a port without it says so by leaving it out", () => {
  expect(createPort().deflate).toBeUndefined();
});
