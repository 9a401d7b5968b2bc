/* certificates.c: for tests alone: the private key is public. P-256, valid from 2020 to 2049. */
#include "host_test.h"

const char certificate_authority[] = "-----BEGIN CERTIFICATE-----\n"
                                     "MIIBTDCB86ADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC3R3aW53aXJl\n"
                                     "IGNhMB4XDTIwMDEwMTAwMDAwMFoXDTQ5MTIzMTAwMDAwMFowFjEUMBIGA1UEAwwL\n"
                                     "dHdpbndpcmUgY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ/VodeqnPcfS7c\n"
                                     "YRpaKGLYcWRdF377P+2dYN3qJOajLJiKwUUWCWIc6dp2uCPmHMxP4AzETaLe6ujH\n"
                                     "f2Zhm3aHozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTpNJUwum1n52Ps\n"
                                     "iItUXyF21MkNDjAKBggqhkjOPQQDAgNIADBFAiEAxBNDkF7OU//GQdMgDkwq8oFh\n"
                                     "9WvsAgOf+xNEdYaW4BICIByB2IlqMzdY96O5WXoSlS38qbhCHHmzN+CTUzOs5MW4\n"
                                     "-----END CERTIFICATE-----\n";

const char certificate_stranger[] = "-----BEGIN CERTIFICATE-----\n"
                                    "MIIBWDCB/6ADAgECAgECMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMMEXR3aW53aXJl\n"
                                    "IHN0cmFuZ2VyMB4XDTIwMDEwMTAwMDAwMFoXDTQ5MTIzMTAwMDAwMFowHDEaMBgG\n"
                                    "A1UEAwwRdHdpbndpcmUgc3RyYW5nZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                                    "AASMd+qb/ZCTzalvJ66BNBRr3L1Y0e0Z0dlSoJVm9ZcvnrAXD3CIbLhAzD8rfsF1\n"
                                    "KDAeKoXsalKV3cXg/90Sg/WYozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQW\n"
                                    "BBRXNKQquUsmN7/VMhDsZsIUIyKAwDAKBggqhkjOPQQDAgNIADBFAiEAhCJZJQhK\n"
                                    "o0BkHhlIPRA06Q6SiGC0+iETcwfBYUhRY5YCICMrsYdMErHlhYk2z4TWU/pe1lZr\n"
                                    "peF2sdSoR7ulD8XQ\n"
                                    "-----END CERTIFICATE-----\n";

const char certificate_server[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBcDCCARegAwIBAgIBAzAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAt0d2lud2ly\n"
                                  "ZSBjYTAeFw0yMDAxMDEwMDAwMDBaFw00OTEyMzEwMDAwMDBaMBQxEjAQBgNVBAMM\n"
                                  "CXBlZXIudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMNLqaQJjlPRvG7w\n"
                                  "X6sc1nH3ph2yYPVsmmvF4AQL2bYr+7OWXR8Ru9TNVE3JeySgR0Re+u0t2lPW92QS\n"
                                  "GuEnPuujWDBWMBQGA1UdEQQNMAuCCXBlZXIudGVzdDAdBgNVHQ4EFgQU7mHzRpB7\n"
                                  "u4/CobpaGBtvl48PQBAwHwYDVR0jBBgwFoAU6TSVMLptZ+dj7IiLVF8hdtTJDQ4w\n"
                                  "CgYIKoZIzj0EAwIDRwAwRAIgXPPQk/na1PCNeNk9+6eX6vbzJw9P1d3tsC97RnRI\n"
                                  "2N0CID7hv6ZXYdAHWH+E+UmWm1vRJUdjGAO2sDkF9imXW+GY\n"
                                  "-----END CERTIFICATE-----\n";

const char certificate_server_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwJ1rPJqoOYcnUUk6\n"
                                      "MgiPj8E9kdwFDAhRo3VwHdoAZJyhRANCAATDS6mkCY5T0bxu8F+rHNZx96YdsmD1\n"
                                      "bJprxeAEC9m2K/uzll0fEbvUzVRNyXskoEdEXvrtLdpT1vdkEhrhJz7r\n"
                                      "-----END PRIVATE KEY-----\n";
