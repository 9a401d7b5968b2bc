/** Types of the port that reach the application as they are: options of sockets and TLS, compression. */
export type {
  Compressor,
  CompressorOptions,
  ContentCoding,
  Decompressor,
  DeflateHost,
  Pem,
  ReceivedBytes,
  SocketOptions,
  TlsInfo,
  TlsOptions,
  Transformed,
  UdpOption,
} from "../adapters/port.ts";
