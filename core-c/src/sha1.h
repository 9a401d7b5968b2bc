/* sha1.h: SHA-1 as a stream, FIPS 180-4 6.1. RFC 6455 asks for it; it protects nothing. */
#ifndef TW_SHA1_H
#define TW_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define TW_SHA1_SIZE 20 /* bytes of a digest */

struct tw_sha1_state {
  uint32_t hash[5];
  uint8_t block[64];
  uint64_t size; /* bytes taken so far */
};

void twc_sha1_init(struct tw_sha1_state *state);
void twc_sha1_update(struct tw_sha1_state *state, const void *data, size_t size);

/* Writes the digest. The state is used up: init again before the next use. */
void twc_sha1_final(struct tw_sha1_state *state, uint8_t digest[TW_SHA1_SIZE]);

#endif
