/* bytes.c: classes of characters, and comparisons of byte strings. */
#include "src/bytes.h"

const uint32_t twc_token_chars[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff, 0, 0, 0, 0};

const uint32_t twc_name_chars[4] = {0, 0x2bff7fd2, 0x87fffffe, 0x47fffffe};

int twc_hex_value(uint8_t byte) {
  uint8_t lower = byte | 0x20;
  return twc_is_digit(byte) ? byte - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool twc_bytes_equal_nocase(const void *a, size_t an, const char *b, size_t bn) {
  const char *text = a;
  if (an != bn)
    return false;
  for (size_t i = 0; i < an; i++)
    if (twc_ascii_lower(text[i]) != twc_ascii_lower(b[i]))
      return false;
  return true;
}
