/* runs.c: runs of bytes of one class, by vectors of 16 bytes. The bytes that end a run are looked for, and each one
 * that is found is exact. The functions are not inlined: they are called from many places, and would be half of those.
 */
#include "src/runs.h"

#include <stdbool.h>
#include <string.h>

#include "src/bytes.h"

/* A vector register where there is one, see mask.c. A comparison sets all bits of a byte, or none. */
typedef uint8_t vector __attribute__((vector_size(16)));

enum { WIDTH = sizeof(vector) };

/* A class: `is_outside` for a byte, `outside` for 16 of them. */
typedef bool byte_test(uint8_t byte);
typedef vector vector_test(vector bytes);

/* Which bytes are marked, a bit for each, the first in the lowest. */
static inline uint32_t marked(vector marks) {
#if defined(__SSE2__)
  typedef char signed_vector __attribute__((vector_size(16)));
  return (uint32_t)__builtin_ia32_pmovmskb128((signed_vector)marks);
#elif defined(__wasm_simd128__)
  typedef signed char signed_vector __attribute__((vector_size(16)));
  return (uint32_t)__builtin_wasm_bitmask_i8x16((signed_vector)marks);
#else
  uint32_t bits = 0;
  for (uint32_t i = 0; i < WIDTH; i++)
    bits |= (uint32_t)(marks[i] & 1) << i;
  return bits;
#endif
}

static inline size_t run(const uint8_t *data, size_t size, vector_test *outside, byte_test *is_outside) {
  size_t n = 0;
  if (size >= WIDTH)
    do {
      vector bytes;
      memcpy(&bytes, data + n, WIDTH);
      uint32_t bits = marked(outside(bytes));
      if (bits != 0)
        return n + (size_t)__builtin_ctz(bits);
      n += WIDTH;
    } while (n <= size - WIDTH);
  while (n < size && !is_outside(data[n]))
    n++;
  return n;
}

static inline bool is_no_value_char(uint8_t byte) { return !twc_is_value_char(byte); }

static inline vector no_value_chars(vector bytes) {
  return (vector)(((bytes < 0x20) & (bytes != '\t')) | (bytes == 0x7f));
}

__attribute__((noinline)) size_t twc_value_run(const uint8_t *data, size_t size) {
  return run(data, size, no_value_chars, is_no_value_char);
}

static inline bool is_not_visible(uint8_t byte) { return byte <= 0x20 || byte >= 0x7f; }

static inline vector not_visible(vector bytes) { return (vector)((bytes <= 0x20) | (bytes >= 0x7f)); }

__attribute__((noinline)) size_t twc_target_run(const uint8_t *data, size_t size) {
  return run(data, size, not_visible, is_not_visible);
}

static inline bool is_no_path_char(uint8_t byte) {
  return is_not_visible(byte) || byte == '#' || byte == '"' || byte == '<' || byte == '>';
}

static inline vector no_path_chars(vector bytes) {
  /* " is 0x22 and # is 0x23; < is 0x3c and > is 0x3e: one bit apart. */
  return (vector)((bytes <= 0x20) | (bytes >= 0x7f) | ((bytes | 0x01) == '#') | ((bytes | 0x02) == '>'));
}

__attribute__((noinline)) size_t twc_path_run(const uint8_t *data, size_t size) {
  return run(data, size, no_path_chars, is_no_path_char);
}

static inline bool is_no_token_char(uint8_t byte) { return !twc_is_token_char(byte); }

static inline vector no_name_chars(vector bytes) {
  return (vector) ~((vector)((bytes | 0x20) - 'a' < 26) | (vector)(bytes - '0' < 10) | (vector)(bytes == '-'));
}

/* Names are of letters, digits and hyphens, as a rule; what ends a run of those may still be of a token. */
__attribute__((noinline)) size_t twc_token_run(const uint8_t *data, size_t size) {
  for (size_t n = 0;; n++) {
    n += run(data + n, size - n, no_name_chars, is_no_token_char);
    if (n == size || data[n] == ':' || is_no_token_char(data[n]))
      return n;
  }
}
