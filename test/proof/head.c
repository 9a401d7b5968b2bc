/* head.c: the parser of HTTP heads, from every state that it can be in, with arbitrary bytes: by induction every head,
 * whatever the pieces of up to SIZE bytes are in which it comes. */
#include "proto/http1/head.c"

#include "any.h"

enum { SIZE = 2, VERSION = 7 };

/* A limit: each that may be met in a piece by itself, and all the others at once. */
#define any_limit(limit)                                                                                               \
  do {                                                                                                                 \
    (limit) = any_number;                                                                                              \
    if ((limit) <= SIZE)                                                                                               \
      (limit) = any_up_to(SIZE);                                                                                       \
  } while (0)

static tw_head head;

int main(void) {
  uint8_t bytes[SIZE];
  size_t used;
  tw_head_token token;
  tw_head_field field;
  uint32_t size = any_up_to(SIZE);
  any_limit(head.left);
  any_limit(head.line_left);
  head.max_line = any_number;
  head.fields_left = any_number;
  head.number = (uint16_t)Frama_C_interval(0, 999);
  head.kind = (uint8_t)any_up_to(TW_HEAD_TRAILERS);
  head.minor = any_byte;
  head.state = (uint8_t)any_up_to(END);
  /* What holds between two calls: the place in a text of fixed length is one of its bytes. */
  if (head.state == PROTOCOL)
    head.at = (uint8_t)any_up_to(VERSION);
  else if (head.state == STATUS_CODE)
    head.at = (uint8_t)any_up_to(2);
  else
    head.at = (uint8_t)Frama_C_interval(0, VERSION);
  any_bytes(bytes, SIZE);
  const uint8_t *data = bytes + (SIZE - size); /* what is behind the piece is not there */
  if (head.state == LINE_START && any_up_to(1) == 0) {
    size_t whole = twc_head_whole_field(&head, data, size, &field);
    //@ assert whole: whole <= size;
    return (int)whole;
  }
  int32_t error = twc_head_next(&head, data, size, &used, &token);
  //@ assert consumed: used <= size;
  //@ assert place: head.at <= VERSION;
  //@ assert digits: head.state == STATUS_CODE && error == 0 ==> head.at < 3;
  return error;
}
