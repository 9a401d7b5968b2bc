/* sha1.c: SHA-1, FIPS 180-4 6.1. RFC 6455 asks for it; it protects nothing. */
#include <string.h>

#include "src/bytes.h"
#include "twinwire/core.h"

enum { BLOCK = 64 };

static inline uint32_t rotl(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

/* FIPS 180-4 6.1.3: the schedule of 80 words, of which only the last 16 are kept. */
static inline uint32_t schedule(uint32_t w[16], unsigned t) {
  uint32_t x = w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ w[t & 15];
  return w[t & 15] = rotl(x, 1);
}

static void hash_block(uint32_t hash[5], const uint8_t *block) {
  uint32_t w[16];
  uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
  for (unsigned t = 0; t < 80; t++) {
    uint32_t word = t < 16 ? w[t] = twc_load_be32(block + 4 * t) : schedule(w, t);
    uint32_t mix;
    if (t < 20)
      mix = (d ^ (b & (c ^ d))) + 0x5a827999;
    else if (t - 40 < 20)
      mix = ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
    else
      mix = (b ^ c ^ d) + (t < 40 ? 0x6ed9eba1 : 0xca62c1d6);
    uint32_t next = rotl(a, 5) + mix + e + word;
    e = d;
    d = c;
    c = rotl(b, 30);
    b = a;
    a = next;
  }
  hash[0] += a;
  hash[1] += b;
  hash[2] += c;
  hash[3] += d;
  hash[4] += e;
}

void twc_sha1(const void *data, uint32_t size, uint8_t *digest) {
  uint32_t hash[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const uint8_t *bytes = data;
  uint32_t left = size;
  for (; left >= BLOCK; bytes += BLOCK, left -= BLOCK)
    hash_block(hash, bytes);
  /* FIPS 180-4 5.1.1: a 1 bit, zeros, and the length in bits as the last 8 bytes of a block. */
  uint8_t last[2 * BLOCK] = {0};
  uint32_t end = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;
  if (left > 0)
    memcpy(last, bytes, left);
  last[left] = 0x80;
  twc_store_be64(last + end - 8, (uint64_t)size * 8);
  for (uint32_t at = 0; at < end; at += BLOCK)
    hash_block(hash, last + at);
  for (uint32_t i = 0; i < 5; i++)
    twc_store_be32(digest + 4 * i, hash[i]);
}
