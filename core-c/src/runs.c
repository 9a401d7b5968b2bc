/* runs.c: runs of bytes of one class. Words of eight bytes that are all of it are recognized by arithmetic; names,
 * which are short, by a table. */
#include "src/runs.h"

#include <string.h>

#include "src/bytes.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { WORD = 8 };

static uint64_t load(const uint8_t *data) {
  uint64_t word;
  memcpy(&word, data, sizeof word);
  return word;
}

/* The top bit of some byte is set if a byte of the word is below `least` (at most 128). The lowest one that is set is
 * exact; those above it need not be. */
static uint64_t below(uint64_t word, uint8_t least) { return (word - EACH(least)) & ~word & EACH(0x80); }

/* As below, for a byte that is `byte`. */
static uint64_t has(uint64_t word, uint8_t byte) { return below(word ^ EACH(byte), 1); }

/* The first of the eight bytes that is marked, or may be. */
static size_t first_marked(uint64_t marks) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (size_t)__builtin_ctzll(marks) / 8;
#else
  (void)marks;
  return 0;
#endif
}

size_t twc_value_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  for (;;) {
    while (size - n >= WORD) {
      uint64_t marks = below(load(data + n), 0x20) | has(load(data + n), 0x7f);
      if (marks != 0) {
        n += first_marked(marks); /* a TAB, or the end of the run */
        break;
      }
      n += WORD;
    }
    size_t end = size - n < WORD ? size : n + 1;
    for (; n < end; n++)
      if (!twc_is_value_char(data[n]))
        return n;
    if (n == size)
      return n;
  }
}

size_t twc_target_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (size - n >= WORD &&
         (below(load(data + n), 0x21) | has(load(data + n), 0x7f) | (load(data + n) & EACH(0x80))) == 0)
    n += WORD;
  while (n < size && data[n] > 0x20 && data[n] < 0x7f)
    n++;
  return n;
}

static int is_path_char(uint8_t byte) {
  return byte > 0x20 && byte < 0x7f && byte != '#' && byte != '"' && byte != '<' && byte != '>';
}

size_t twc_path_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  for (; size - n >= WORD; n += WORD) {
    uint64_t word = load(data + n);
    uint64_t not_visible = below(word, 0x21) | has(word, 0x7f) | (word & EACH(0x80));
    /* " is 0x22 and # is 0x23; < is 0x3c and > is 0x3e: one bit apart. */
    if ((not_visible | has(word | EACH(0x01), '#') | has(word | EACH(0x02), '>')) != 0)
      break;
  }
  while (n < size && is_path_char(data[n]))
    n++;
  return n;
}

#define ROW(first)                                                                                                     \
  BIT(first), BIT(first + 1), BIT(first + 2), BIT(first + 3), BIT(first + 4), BIT(first + 5), BIT(first + 6),          \
      BIT(first + 7)
#define BIT(byte) ((uint32_t)(byte) < 128 && (tokens(byte)) != 0)
/* RFC 9110 5.6.2. */
#define tokens(c)                                                                                                      \
  (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z') || ((c) >= '0' && (c) <= '9') || (c) == '!' ||             \
   (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' || (c) == '*' || (c) == '+' || (c) == '-' ||    \
   (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' || (c) == '~')

static const uint8_t token_chars[256] = {
    ROW(0),  ROW(8),  ROW(16), ROW(24), ROW(32), ROW(40),  ROW(48),  ROW(56),
    ROW(64), ROW(72), ROW(80), ROW(88), ROW(96), ROW(104), ROW(112), ROW(120),
};

size_t twc_token_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && token_chars[data[n]] != 0)
    n++;
  return n;
}
