/* utf8.c: src/utf8.c for devices: a few comparisons a byte instead of a table of 1 KiB and words of 16 bytes. */
#include "src/utf8.h"

#include "twinwire/core.h"

/* Inside a character: how many bytes follow, and from where to where the next one may be. 0 is between characters. */
#define STATE(left, low, high) ((uint32_t)(left) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)

#define BAD STATE(1, 0xff, 0) /* no byte may follow */

/* RFC 3629 4 */
static uint32_t after_lead(uint8_t lead) {
  if (lead < 0xc2 || lead > 0xf4)
    return BAD; /* a tail, or overlong, or above U+10FFFF */
  if (lead < 0xe0)
    return STATE(1, 0x80, 0xbf);
  uint32_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;  /* no overlong forms */
  uint32_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf; /* no surrogates, nothing above U+10FFFF */
  return STATE(lead < 0xf0 ? 2 : 3, low, high);
}

static uint32_t after_tail(uint32_t state, uint8_t tail) {
  if (tail < (state >> 8 & 0xff) || tail > state >> 16)
    return BAD;
  uint32_t left = (state & 3) - 1;
  return left == 0 ? 0 : STATE(left, 0x80, 0xbf);
}

size_t twc_ascii_prefix(const uint8_t *data, size_t size) {
  size_t i = 0;
  while (i < size && data[i] < 0x80)
    i++;
  return i;
}

int32_t twc_utf8_scan(uint32_t *state, const void *data, uint32_t size) {
  const uint8_t *bytes = data;
  for (uint32_t i = 0; i < size; i++) {
    if (*state != 0)
      *state = after_tail(*state, bytes[i]);
    else if (bytes[i] >= 0x80)
      *state = after_lead(bytes[i]);
    if (*state == BAD)
      return (int32_t)i;
  }
  return -1;
}

bool twc_utf8_valid(const void *data, size_t size) {
  uint32_t state = 0;
  return twc_utf8_scan(&state, data, (uint32_t)size) < 0 && state == 0;
}
