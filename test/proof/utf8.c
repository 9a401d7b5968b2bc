/* utf8.c: the check of UTF-8 on arbitrary bytes, cut at an arbitrary place. */
#include "src/utf8.h"
#include "any.h"
#include "twinwire/core.h"

enum { SIZE = 12 };

int main(void) {
  uint8_t bytes[SIZE];
  uint32_t state = 0;
  any_bytes(bytes, SIZE);
  uint32_t size = any_up_to(SIZE);
  uint32_t cut = any_up_to(size);
  if (twc_utf8_scan(&state, bytes, cut) < 0)
    twc_utf8_scan(&state, bytes + cut, size - cut);
  twc_utf8_valid(bytes, size);
  return 0;
}
