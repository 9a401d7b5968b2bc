/**
 * Certificates for this demo and nothing else. Their key is published here, so whoever trusts them trusts everybody.
 * Made once with openssl, good until 2119; the authority's key was thrown away.
 */

/** The demo's own authority, which signed the server's certificate. */
export const AUTHORITY = `
-----BEGIN CERTIFICATE-----
MIIBjTCCATOgAwIBAgIUKJlnnomR9WQ8CBnoxXVEJ00tNwIwCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXdHdpbndpcmUgZGVtbyBhdXRob3JpdHkwIBcNMjAwMTAxMDAw
MDAwWhgPMjExOTEyMzEwMDAwMDBaMCIxIDAeBgNVBAMMF3R3aW53aXJlIGRlbW8g
YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEv/FDJdWvTIFi1R4y
G6cKs5U5ZPIBxLkF5eTgnloKtjphj1QFPlyD7fWbLbkpSVHJWJAvEhrB8wQM3xmF
WZmJ5aNFMEMwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAgQwHQYD
VR0OBBYEFK3v4NcUkn+FJeMoFlLctsvhkzF0MAoGCCqGSM49BAMCA0gAMEUCIQDZ
yCQqHvpnhynVkK8b9jMjBp+mttRWWavDW+0d1fwWtAIgTJ+XeXc1A+z3ujqF30Rl
801KoqQWqES58inKNprOt8g=
-----END CERTIFICATE-----
`;

/** The server's certificate: for the name `localhost`, and for no other name or address. */
export const CERTIFICATE = `
-----BEGIN CERTIFICATE-----
MIIB0jCCAXigAwIBAgIUD7vNGR89g5bAuswmKVIANxQpwrowCgYIKoZIzj0EAwIw
IjEgMB4GA1UEAwwXdHdpbndpcmUgZGVtbyBhdXRob3JpdHkwIBcNMjAwMTAxMDAw
MDAwWhgPMjExOTEyMzEwMDAwMDBaMB8xHTAbBgNVBAMMFHR3aW53aXJlIGRlbW8g
c2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7AOwRyjJ/39x2elP2nMb
tAwCbymH5m/ul2VM2bhS2o5+BPRNRurim6DYsS4My3hFXVw8AM6yUbxLt8DfATdq
wqOBjDCBiTAMBgNVHRMBAf8EAjAAMA4GA1UdDwEB/wQEAwIHgDATBgNVHSUEDDAK
BggrBgEFBQcDATAUBgNVHREEDTALgglsb2NhbGhvc3QwHQYDVR0OBBYEFCDDA0aP
kNt6URud2Q7Ck2F2aOeTMB8GA1UdIwQYMBaAFK3v4NcUkn+FJeMoFlLctsvhkzF0
MAoGCCqGSM49BAMCA0gAMEUCIGhX0Z00lnGQaq4LNxdZa4kgYnzkeFzGZNV8KM/b
YuqcAiEAmJtFQL/yit/7C7tgmLK48RfL8WWMcL09oY2B/vgznuA=
-----END CERTIFICATE-----
`;

/** The server's key, known to everybody. */
export const KEY = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeDHqOoS4I2BH3mEu
valtjanwjuAumuOLw5P4OQBXhkqhRANCAATsA7BHKMn/f3HZ6U/acxu0DAJvKYfm
b+6XZUzZuFLajn4E9E1G6uKboNixLgzLeEVdXDwAzrJRvEu3wN8BN2rC
-----END PRIVATE KEY-----
`;
