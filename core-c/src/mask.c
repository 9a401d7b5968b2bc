/* mask.c: XOR by vectors, then by ever smaller words: most frames are small. */
#include "src/mask.h"

#include <stdbool.h>
#include <string.h>

/* A vector register where there is one; elsewhere the compiler makes words of it. Stated, because clang does not find
 * it by itself in WebAssembly. */
typedef uint64_t vector __attribute__((vector_size(16)));

enum { LANES = 4, BLOCK = LANES * sizeof(vector) };

/* Folded at compile time. */
static inline bool is_little_endian(void) {
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return first == 1;
}

/* The key as it lies in memory, begun at byte `phase`. */
static inline uint32_t rotate_key(const uint8_t key[4], uint32_t phase) {
  uint32_t word;
  memcpy(&word, key, 4);
  uint32_t bits = is_little_endian() ? phase * 8 & 31 : (0U - phase) * 8 & 31;
  return word >> bits | word << ((32 - bits) & 31);
}

void twc_mask_copy(uint8_t *dst, const uint8_t *src, size_t size, const uint8_t key[4], uint32_t phase) {
  const uint32_t mask = rotate_key(key, phase);
  const uint64_t wide = (uint64_t)mask << 32 | mask;
  const vector block = {wide, wide};
  for (; size >= BLOCK; size -= BLOCK, src += BLOCK, dst += BLOCK) {
    vector lane[LANES];
    memcpy(lane, src, BLOCK);
    for (int k = 0; k < LANES; k++)
      lane[k] ^= block;
    memcpy(dst, lane, BLOCK);
  }
  for (; size >= 8; size -= 8, src += 8, dst += 8) {
    uint64_t word;
    memcpy(&word, src, 8);
    word ^= wide;
    memcpy(dst, &word, 8);
  }
  if (size >= 4) {
    uint32_t word;
    memcpy(&word, src, 4);
    word ^= mask;
    memcpy(dst, &word, 4);
    size -= 4, src += 4, dst += 4;
  }
  uint8_t byte[4];
  memcpy(byte, &mask, 4);
  if (size > 0)
    dst[0] = src[0] ^ byte[0];
  if (size > 1)
    dst[1] = src[1] ^ byte[1];
  if (size > 2)
    dst[2] = src[2] ^ byte[2];
}
