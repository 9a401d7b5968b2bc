import { pipeline, Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { ContentCoding, ReceivedBytes } from "../port.ts";

const decoders = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress };

/** Decodes a content coding by node:zlib. */
export function decode(coding: ContentCoding, source: AsyncIterable<ReceivedBytes>): AsyncIterable<ReceivedBytes> {
  const decoder = decoders[coding]();
  /* What fails is what iterating over the decoder throws. */
  pipeline(Readable.from(source, { objectMode: true, highWaterMark: 1 }), decoder, () => {});
  return decoder;
}
