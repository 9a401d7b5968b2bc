/* tap.c: a digest of all that passes the core interface. */
#include "tap.h"

#include <stdio.h>
#include <string.h>

#include "buffer.h"

void tap_start(test_tap *tap) {
  tap->digest[0] = 0x811c9dc5;
  tap->digest[1] = 0x9747b28c;
}

/* Two multiplicative hashes of words: for comparing runs, not against an attacker. */
static void add_word(test_tap *tap, uint32_t word) {
  uint32_t second = tap->digest[1];
  tap->digest[0] = (tap->digest[0] ^ word) * 0x01000193;
  tap->digest[1] = ((second << 5 | second >> 27) ^ word) * 0x9e3779b1;
}

/* As little-endian words, the last one filled up with zeros. */
static void add_bytes(test_tap *tap, const uint8_t *data, size_t size) {
  add_word(tap, (uint32_t)size);
  size_t at = 0;
  for (; size - at >= 4; at += 4)
    add_word(tap, data[at] | (uint32_t)data[at + 1] << 8 | (uint32_t)data[at + 2] << 16 | (uint32_t)data[at + 3] << 24);
  if (at == size)
    return;
  uint32_t last = 0;
  for (unsigned shift = 0; at < size; at++, shift += 8)
    last |= (uint32_t)data[at] << shift;
  add_word(tap, last);
}

static void show(const char *what, const uint32_t *numbers, size_t count, const void *data, size_t size) {
  test_buffer line = {0};
  buffer_text(&line, what);
  for (size_t i = 0; i < count; i++) {
    buffer_text(&line, " ");
    buffer_number(&line, (int32_t)numbers[i]);
  }
  buffer_text(&line, " ");
  bytes_show(&line, data, size);
  printf("    %s\n", buffer_string(&line));
  buffer_free(&line);
}

void tap_add(test_tap *tap, const char *what, const uint32_t *numbers, size_t count, const void *data, size_t size) {
  add_bytes(tap, (const uint8_t *)what, strlen(what));
  for (size_t i = 0; i < count; i++)
    add_word(tap, numbers[i]);
  add_bytes(tap, data, size);
  if (tap->shown)
    show(what, numbers, count, data, size);
}
