/* mask.h: the masking of WebSocket payloads, RFC 6455 5.3. Masking and unmasking are the same. */
#ifndef TW_MASK_H
#define TW_MASK_H

#include <stddef.h>
#include <stdint.h>

/* dst[i] = src[i] ^ key[(phase + i) % 4] for i < size. `phase`: where in the frame's payload src begins; only its low
 * two bits count. `dst` is `src` itself or does not overlap it. Any alignment. */
void twc_mask_copy(uint8_t *dst, const uint8_t *src, size_t size, const uint8_t key[4], uint32_t phase);

#endif
