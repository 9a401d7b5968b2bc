#include "src/sha1.h"

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
      mix = ((b & c) | (~b & d)) + 0x5a827999;
    else if (t < 40)
      mix = (b ^ c ^ d) + 0x6ed9eba1;
    else if (t < 60)
      mix = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else
      mix = (b ^ c ^ d) + 0xca62c1d6;
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

void twc_sha1_init(struct tw_sha1_state *state) {
  static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  memcpy(state->hash, start, sizeof start);
  state->size = 0;
}

void twc_sha1_update(struct tw_sha1_state *state, const void *data, size_t size) {
  const uint8_t *bytes = data;
  size_t held = (size_t)(state->size % BLOCK);
  if (size == 0)
    return;
  state->size += size;
  if (held > 0) {
    size_t part = size < BLOCK - held ? size : BLOCK - held;
    memcpy(state->block + held, bytes, part);
    if (held + part < BLOCK)
      return;
    hash_block(state->hash, state->block);
    bytes += part;
    size -= part;
  }
  for (; size >= BLOCK; bytes += BLOCK, size -= BLOCK)
    hash_block(state->hash, bytes);
  memcpy(state->block, bytes, size);
}

void twc_sha1_final(struct tw_sha1_state *state, uint8_t digest[TW_SHA1_SIZE]) {
  /* FIPS 180-4 5.1.1: a 1 bit, zeros, and the length in bits as the last 8 bytes of a block. */
  size_t held = (size_t)(state->size % BLOCK);
  state->block[held++] = 0x80;
  if (held > BLOCK - 8) {
    memset(state->block + held, 0, BLOCK - held);
    hash_block(state->hash, state->block);
    held = 0;
  }
  memset(state->block + held, 0, BLOCK - 8 - held);
  twc_store_be64(state->block + BLOCK - 8, state->size * 8);
  hash_block(state->hash, state->block);
  for (size_t i = 0; i < 5; i++)
    twc_store_be32(digest + 4 * i, state->hash[i]);
}

void twc_sha1(const void *data, uint32_t size, uint8_t *digest) {
  struct tw_sha1_state state;
  twc_sha1_init(&state);
  twc_sha1_update(&state, data, size);
  twc_sha1_final(&state, digest);
}
