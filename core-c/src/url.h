/* url.h: writing the target of a parsed URL. twc_url_parse is in core.h. */
#ifndef TW_URL_H
#define TW_URL_H

#include <stdint.h>

/* Writes one byte of a path or a query as a request line may hold it: itself (1 byte), or %XX (3 bytes) if RFC 3986
 * 3.3 and 3.4 have no place for it. '%' stays: escapes that the URL already has are kept. Returns 1 or 3. */
unsigned twc_url_encode_byte(uint8_t byte, char out[3]);

#endif
