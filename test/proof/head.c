/* head.c: one call of the parser of HTTP heads, in every state that it can be in, with arbitrary bytes: by induction
 * every head, wherever it is split. */
#include "proto/http1/head.c"

#include "any.h"

enum { SIZE = 4 };

/* What holds between two calls: the place in a text of fixed length is one of its bytes. */
static bool is_state(const tw_head *head) {
  return (head->state != PROTOCOL || head->at < 5) && (head->state != STATUS_CODE || head->at < 3);
}

int main(void) {
  uint8_t bytes[SIZE];
  size_t used;
  tw_head_token token;
  tw_head_field field;
  tw_head head = {.left = any_number,
                  .line_left = any_number,
                  .max_line = any_number,
                  .fields_left = any_number,
                  .number = (uint16_t)any_up_to(999),
                  .kind = (uint8_t)any_up_to(TW_HEAD_TRAILERS),
                  .state = (uint8_t)any_up_to(END),
                  .at = (uint8_t)any_up_to(5),
                  .minor = any_byte};
  any_bytes(bytes, SIZE);
  size_t size = any_up_to(SIZE);
  if (!is_state(&head))
    return 0;
  twc_head_whole_field(&head, bytes, size, &field);
  int32_t error = twc_head_next(&head, bytes, size, &used, &token);
  //@ assert consumed: used <= size;
  //@ assert place: head.state == PROTOCOL && error == 0 ==> head.at < 5;
  //@ assert digits: head.state == STATUS_CODE && error == 0 ==> head.at < 3;
  return error;
}
