/* base64.h: room for what twc_base64 of core.h writes. */
#ifndef TW_BASE64_H
#define TW_BASE64_H

/* Characters that encode `size` bytes, padding included; a constant expression for array bounds. */
#define TW_BASE64_SIZE(size) (((size) + 2) / 3 * 4)

#endif
