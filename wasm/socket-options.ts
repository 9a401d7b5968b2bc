/** What an application may ask of sockets and TLS: the port takes it as it is, so the port declares it. */
export type { Pem, SocketOptions, TlsInfo, TlsOptions, UdpOption } from "../adapters/port.ts";
