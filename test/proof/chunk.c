/* chunk.c: the framing of chunks, from every state, with arbitrary bytes: by induction every body, wherever it is
 * split. */
#include "proto/http1/chunk.c"

#include "any.h"

enum { LENGTH = 4 };

int main(void) {
  uint8_t bytes[LENGTH];
  size_t used = 0;
  tw_message message = {.phase = (uint8_t)any_up_to(BAD),
                        .words = {.matched = (uint8_t)any_up_to(MAX_DIGITS)},
                        .max_body = any_number,
                        .extensions_left = any_number,
                        .left = (uint64_t)any_number << 32 | any_number};
  any_bytes(bytes, LENGTH);
  size_t size = any_up_to(LENGTH);
  twc_message_chunk(&message, bytes, size, &used);
  //@ assert consumed: used <= size;
  //@ assert digits: message.words.matched <= MAX_DIGITS;
  return 0;
}
