/* runs.c: runs of bytes of one class, in little code: a byte at a time. */
#include "src/runs.h"

#include "src/bytes.h"

size_t twc_token_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && twc_is_token_char(data[n]))
    n++;
  return n;
}

size_t twc_target_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && data[n] > 0x20 && data[n] < 0x7f)
    n++;
  return n;
}

size_t twc_value_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && twc_is_value_char(data[n]))
    n++;
  return n;
}

static int is_path_char(uint8_t byte) {
  return byte > 0x20 && byte < 0x7f && byte != '#' && byte != '"' && byte != '<' && byte != '>';
}

size_t twc_path_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && is_path_char(data[n]))
    n++;
  return n;
}
