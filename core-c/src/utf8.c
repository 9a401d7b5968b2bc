/* utf8.c: well-formed UTF-8 by a table, RFC 3629 4.
 *
 * The automaton has nine states. A row of the table is a 32-bit word for one byte value; a state is the number of bits
 * by which to shift that word, and its low five bits are then the next state. So a byte costs one load and one shift,
 * and nothing branches. The states' numbers are chosen so that the fields of every row overlap without conflict. */
#include "src/utf8.h"

#include <string.h>

#include "twinwire/core.h"

enum {
  BAD = 0,       /* and stays so */
  WHOLE = 6,     /* between characters */
  TAIL1 = 16,    /* one more of 80..BF */
  TAIL2 = 1,     /* two more */
  TAIL3 = 11,    /* three more */
  AFTER_E0 = 19, /* A0..BF next: no overlong forms */
  AFTER_ED = 25, /* 80..9F next: no surrogates */
  AFTER_F0 = 24, /* 90..BF next: no overlong forms */
  AFTER_F4 = 30, /* 80..8F next: nothing above U+10FFFF */
  STATE = 31     /* the bits of a state; those above are left over from the row */
};

#define FROM(state, next) ((uint32_t)(next) << (state))
#define TAIL (FROM(TAIL1, WHOLE) | FROM(TAIL2, TAIL1) | FROM(TAIL3, TAIL2))

#define ASCII FROM(WHOLE, WHOLE)
#define T80_8F (TAIL | FROM(AFTER_ED, TAIL1) | FROM(AFTER_F4, TAIL2))
#define T90_9F (TAIL | FROM(AFTER_ED, TAIL1) | FROM(AFTER_F0, TAIL2))
#define TA0_BF (TAIL | FROM(AFTER_E0, TAIL1) | FROM(AFTER_F0, TAIL2))
#define LEAD2 FROM(WHOLE, TAIL1)
#define LEAD3 FROM(WHOLE, TAIL2)
#define LEAD4 FROM(WHOLE, TAIL3)

#define X4(row) row, row, row, row
#define X16(row) X4(row), X4(row), X4(row), X4(row)
#define X64(row) X16(row), X16(row), X16(row), X16(row)

/* clang-format off */
static const uint32_t rows[256] = {
    /* 00 */ X64(ASCII), X64(ASCII),
    /* 80 */ X16(T80_8F), X16(T90_9F), X16(TA0_BF), X16(TA0_BF),
    /* C0 */ BAD, BAD, LEAD2, LEAD2, X4(LEAD2), X4(LEAD2), X4(LEAD2),
    /* D0 */ X16(LEAD2),
    /* E0 */ FROM(WHOLE, AFTER_E0), LEAD3, LEAD3, LEAD3, X4(LEAD3), X4(LEAD3),
    /* EC */ LEAD3, FROM(WHOLE, AFTER_ED), LEAD3, LEAD3,
    /* F0 */ FROM(WHOLE, AFTER_F0), LEAD4, LEAD4, LEAD4, FROM(WHOLE, AFTER_F4), BAD, BAD, BAD, X4(BAD), X4(BAD)};
/* clang-format on */

/* A vector register where there is one, see mask.c. */
typedef uint64_t vector __attribute__((vector_size(16)));

enum { STEP = 16, LANES = 4, BLOCK = LANES * sizeof(vector) };

static inline bool word_is_ascii(const uint8_t *data) {
  uint64_t word;
  memcpy(&word, data, 8);
  return (word & 0x8080808080808080U) == 0;
}

static inline bool block_is_ascii(const uint8_t *data) {
  vector lane[LANES];
  memcpy(lane, data, BLOCK);
  vector any = (lane[0] | lane[1]) | (lane[2] | lane[3]);
  return ((any[0] | any[1]) & 0x8080808080808080U) == 0;
}

size_t twc_ascii_prefix(const uint8_t *data, size_t size) {
  size_t i = 0;
  while (size - i >= BLOCK && block_is_ascii(data + i))
    i += BLOCK;
  while (size - i >= 8 && word_is_ascii(data + i))
    i += 8;
  /* The last word may overlap the one before. */
  if (size >= 8 && size - i < 8 && word_is_ascii(data + size - 8))
    return size;
  while (i < size && data[i] < 0x80)
    i++;
  return i;
}

int32_t twc_utf8_scan(uint32_t *state, const void *data, uint32_t size) {
  const uint8_t *bytes = data;
  uint32_t at = *state ^ WHOLE; /* outside, 0 is the state between characters */
  uint32_t i = 0;
  for (;;) {
    if ((at & STATE) == WHOLE)
      i += (uint32_t)twc_ascii_prefix(bytes + i, size - i);
    if (size - i < STEP)
      break;
    uint32_t next = at;
    for (uint32_t k = 0; k < STEP; k++)
      next = rows[bytes[i + k]] >> (next & STATE);
    if ((next & STATE) == BAD)
      break;
    at = next;
    i += STEP;
  }
  for (; i < size; i++) {
    at = rows[bytes[i]] >> (at & STATE);
    if ((at & STATE) == BAD) {
      *state = BAD ^ WHOLE;
      return (int32_t)i;
    }
  }
  *state = (at & STATE) ^ WHOLE;
  return -1;
}

bool twc_utf8_valid(const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint32_t state = 0;
  for (; size > INT32_MAX; bytes += INT32_MAX, size -= INT32_MAX)
    if (twc_utf8_scan(&state, bytes, INT32_MAX) >= 0)
      return false;
  return twc_utf8_scan(&state, bytes, (uint32_t)size) < 0 && state == 0;
}
