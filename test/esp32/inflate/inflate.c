/* inflate: the component's library for permessage-deflate, fed with what zlib compresses: windows of all sizes,
 * contexts that are taken over, last blocks, input and output in pieces. Ends with "N passed, M failed". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "deflate.h"
#include "stub.h"

enum { MESSAGES = 30, MOST = 100000 };

static const tw_deflate_library *library;

/* In the place of c/src/deflate.c's. */
void tw_handles_set_deflate(tw_handles *handles, const tw_deflate_library *given) {
  (void)handles;
  library = given;
}

static uint32_t seed;

static uint32_t draw(uint32_t below) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed % below;
}

/* Text that repeats what stood before, near and far. */
static uint32_t compose(uint8_t *message) {
  uint32_t size = 1 + draw(draw(4) == 0 ? MOST - 1 : 2000);
  for (uint32_t i = 0; i < size; i++)
    message[i] = i > 40 && draw(8) != 0 ? message[i - 1 - draw(40)] : (uint8_t)('a' + draw(20));
  return size;
}

/* Inflates in pieces; returns whether `expected` came. */
static bool inflates(void *stream, const uint8_t *data, uint32_t size, const uint8_t *expected,
                     uint32_t expected_size) {
  static uint8_t result[MOST + 64];
  uint32_t filled = 0;
  while (size > 0) {
    uint32_t piece = 1 + draw(size);
    size -= piece;
    for (;;) {
      uint32_t room = 1 + draw(draw(2) == 0 ? 7 : 50000);
      room = room < sizeof result - filled ? room : (uint32_t)sizeof result - filled;
      int32_t got = library->inflate(stream, &data, &piece, result + filled, room);
      if (got < 0 || room == 0)
        return false;
      filled += (uint32_t)got;
      if ((uint32_t)got < room)
        break;
    }
    if (piece > 0)
      return false;
  }
  return filled == expected_size && memcmp(result, expected, filled) == 0;
}

static bool run(uint32_t bits, bool last_blocks) {
  static uint8_t message[MOST], packed[2 * MOST];
  static const uint8_t tail[] = {0, 0, 0xff, 0xff};
  z_stream z = {0};
  void *stream = library->open_decompressor(bits);
  bool right = stream != NULL && deflateInit2(&z, 6, Z_DEFLATED, -(int)bits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  for (int i = 0; right && i < MESSAGES; i++) {
    uint32_t size = compose(message);
    bool last = last_blocks && i % 3 == 0;
    z.next_in = message;
    z.avail_in = size;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    deflate(&z, last ? Z_FINISH : Z_SYNC_FLUSH);
    uint32_t packed_size = (uint32_t)(sizeof packed - z.avail_out) - (last ? 0 : (uint32_t)sizeof tail);
    if (last)
      deflateReset(&z);
    right = inflates(stream, packed, packed_size, message, size);
    bool ended = library->has_ended(stream);
    if (right && last != ended)
      right = false;
    if (right && !ended)
      right = inflates(stream, tail, sizeof tail, message, 0);
  }
  deflateEnd(&z);
  if (stream != NULL)
    library->close_decompressor(stream);
  return right && stub_heap_blocks() == 0;
}

/* A last block, and another one behind it in the same message. */
static bool goes_on_behind_a_last_block(void) {
  static uint8_t packed[256];
  z_stream z = {0};
  void *stream = library->open_decompressor(10);
  deflateInit2(&z, 6, Z_DEFLATED, -10, 8, Z_DEFAULT_STRATEGY);
  z.next_out = packed;
  z.avail_out = sizeof packed;
  for (int i = 0; i < 2; i++) {
    z.next_in = (Bytef *)(uintptr_t)(i == 0 ? "hello " : "there ");
    z.avail_in = 6;
    deflate(&z, Z_FINISH);
    deflateReset(&z);
    z.next_out = packed + 8;
    z.avail_out = sizeof packed - 8;
  }
  deflateEnd(&z);
  bool right = inflates(stream, packed, 16, (const uint8_t *)"hello there ", 12) && library->has_ended(stream);
  library->close_decompressor(stream);
  return right;
}

static bool refuses_what_is_none(void) {
  static const uint8_t wrong[] = {7, 7, 7};
  const uint8_t *data = wrong;
  uint32_t size = sizeof wrong;
  uint8_t to[16];
  void *stream = library->open_decompressor(9);
  bool right = library->inflate(stream, &data, &size, to, sizeof to) == TW_ERR_WS_DEFLATE;
  library->close_decompressor(stream);
  return right && library->open_compressor(15, 0, 0) == NULL;
}

int main(void) {
  unsigned passed = 0, failed = 0;
  tw_esp_deflate_use(NULL);
  for (uint32_t bits = 9; bits <= 15; bits++)
    for (int last = 0; last < 2; last++) {
      seed = bits * 7919 + (uint32_t)last + 1;
      bool right = run(bits, last == 1);
      if (!right)
        printf("FAILED  a window of %u bits%s\n", (unsigned)bits, last == 1 ? ", last blocks" : "");
      *(right ? &passed : &failed) += 1;
    }
  *(goes_on_behind_a_last_block() ? &passed : &failed) += 1;
  *(refuses_what_is_none() ? &passed : &failed) += 1;
  printf("%u passed, %u failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
