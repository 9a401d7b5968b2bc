/* ip.h: literal IPv4 and IPv6 addresses. */
#ifndef TW_IP_H
#define TW_IP_H

#include <stddef.h>
#include <stdint.h>

enum { TW_IP_BYTES = 16 };

/* Parses a literal IPv4 or IPv6 address; the latter may have a zone. Returns 4 or 6, or 0 if it is none. `bytes`: the
 * address in network order; an IPv4 address as its IPv4-mapped IPv6 address (RFC 4291 2.5.5.2). */
int twc_ip_parse(const char *text, size_t size, uint8_t bytes[TW_IP_BYTES]);

/* The same for the address of "ip:port" or "[ip]:port". */
int twc_ip_parse_endpoint(const char *text, size_t size, uint8_t bytes[TW_IP_BYTES]);

/* 4 or 6 for a literal IPv4 or IPv6 address; the latter may have a zone. 0 for anything else. */
int twc_ip_family(const char *text, size_t size);

#endif
