/** TLS as a port has it: the options of a handshake, and what it negotiated. */

/** Certificates or a key in PEM, as text or bytes. One certificate may also be DER. */
export type Pem = string | Uint8Array;

/** TLS options. Default: a client verifies the server by the authorities that the host trusts. */
export interface TlsOptions {
  /** The authorities to trust instead of the host's. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** Our certificate and its intermediate certificates. Required for a server. */
  readonly cert?: Pem | undefined;
  /** The private key of `cert`. */
  readonly key?: Pem | undefined;
  /** The passphrase of `key`, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /** The name to ask for (SNI) and to verify. Default: the name that was connected to. */
  readonly servername?: string | undefined;
  /** The protocols to offer or to accept, in order of preference, RFC 7301. */
  readonly alpn?: readonly string[] | undefined;
  /** Whether a peer whose certificate fails a check is refused. A pin is checked in any case. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** Whether a server asks its clients for a certificate. Default: false. */
  readonly requestCert?: boolean | undefined;
  /** The SHA-256 fingerprint that the peer's certificate must have, in hex with or without colons. */
  readonly pin?: string | undefined;
  /** The oldest version to negotiate. Default: TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** What a TLS handshake negotiated. */
export interface TlsInfo {
  /** The protocol that ALPN chose, or `""`. */
  readonly alpn: string;
  /** `"TLSv1.3"`, `"TLSv1.2"` */
  readonly protocol: string;
  /** The cipher suite by its name in the standard. */
  readonly cipher: string;
  /** SHA-256 of the peer's certificate in upper-case hex with colons; `""` if it sent none. */
  readonly peerFingerprint: string;
  /** Whether the peer's certificate passed every check. */
  readonly authorized: boolean;
}
