/* utf8.h: looking at text as bytes. The streaming check, twc_utf8_scan, is in core.h. */
#ifndef TW_UTF8_H
#define TW_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many of the first bytes are below 0x80: `size` if all are. */
size_t twc_ascii_prefix(const uint8_t *data, size_t size);

/* Whether the bytes are whole and well-formed UTF-8, RFC 3629. */
bool twc_utf8_valid(const void *data, size_t size);

#endif
