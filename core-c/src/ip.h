/* ip.h: telling literal addresses from names. */
#ifndef TW_IP_H
#define TW_IP_H

#include <stddef.h>

/* 4 for an IPv4 address, 6 for an IPv6 address, 0 for anything else.
 * IPv4: four decimal parts without leading zeros, the strict form of RFC 6943 3.1.1. IPv6: RFC 4291 2.2, its last two
 * groups maybe as IPv4, and maybe %zone at the end (RFC 4007 11; a zone is made of letters, digits and - . _ ~). */
int twc_ip_family(const char *text, size_t size);

#endif
