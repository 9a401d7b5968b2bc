/* sha1.c: SHA-1 (FIPS 180-4 6.1) in little code: the padding is made up while the bytes are read. */
#include <string.h>

#include "src/bytes.h"
#include "twinwire/core.h"

enum { BLOCK = 64, WORDS = 5, ROUNDS = 80, PADDING = 9 };

static uint32_t rotl(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

/* FIPS 180-4 5.1.1: the message, a 1 bit, zeros; the length comes behind them. */
static uint8_t byte_at(const uint8_t *data, uint32_t size, uint32_t at) {
  return at < size ? data[at] : at == size ? 0x80 : 0;
}

/* FIPS 180-4 4.1.1, 4.2.1: the function and the constant of a round. */
static uint32_t mix(unsigned t, uint32_t b, uint32_t c, uint32_t d) {
  uint32_t parity = b ^ c ^ d;
  if (t < 20)
    return (d ^ (b & (c ^ d))) + 0x5a827999;
  if (t < 40)
    return parity + 0x6ed9eba1;
  return t < 60 ? ((b & c) | (d & (b | c))) + 0x8f1bbcdc : parity + 0xca62c1d6;
}

static void hash_block(uint32_t hash[WORDS], uint32_t w[16]) {
  uint32_t v[WORDS];
  memcpy(v, hash, sizeof v);
  for (unsigned t = 0; t < ROUNDS; t++) {
    uint32_t *word = &w[t & 15];
    if (t >= 16)
      *word = rotl(*word ^ w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15], 1);
    uint32_t next = rotl(v[0], 5) + mix(t, v[1], v[2], v[3]) + v[4] + *word;
    memmove(v + 1, v, (WORDS - 1) * sizeof *v);
    v[2] = rotl(v[2], 30);
    v[0] = next;
  }
  for (unsigned i = 0; i < WORDS; i++)
    hash[i] += v[i];
}

void twc_sha1(const void *data, uint32_t size, uint8_t *digest) {
  uint32_t hash[WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint32_t w[16];
  uint32_t at = 0;
  do {
    for (uint32_t i = 0; i < BLOCK; i++, at++)
      w[i / 4] = w[i / 4] << 8 | byte_at(data, size, at);
    if (at >= size + PADDING) {
      w[14] = size >> 29;
      w[15] = size << 3;
    }
    hash_block(hash, w);
  } while (at < size + PADDING);
  for (uint32_t i = 0; i < WORDS; i++)
    twc_store_be32(digest + 4 * i, hash[i]);
}
