/** Compression as the port offers it. */
export type { Compressor, Decompressor, DeflateHost, Transformed } from "../adapters/port.ts";
