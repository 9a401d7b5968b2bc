/* mask.c: src/mask.c for devices, byte by byte. */
#include "src/mask.h"

void twc_mask_copy(uint8_t *dst, const uint8_t *src, size_t size, const uint8_t key[4], uint32_t phase) {
  for (size_t i = 0; i < size; i++)
    dst[i] = src[i] ^ key[(phase + i) & 3];
}
