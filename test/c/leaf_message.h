/* leaf_message.h: what the parser of whole HTTP messages makes of an input, as text. */
#ifndef TEST_LEAF_MESSAGE_H
#define TEST_LEAF_MESSAGE_H

#include "buffer.h"
#include "proto/http1/message.h"

/* Reads `data` as one message, offered in pieces as leaf_head_run does, then the end of the stream if `ended`. Appends
 * a line a section, its bytes and whether it is whole, then how the message ended and how many bytes it had. False: the
 * parser broke what its header promises. */
bool leaf_message_run(test_buffer *out, uint32_t read, uint32_t max_body, const tw_limits *limits, const uint8_t *data,
                      size_t size, const size_t *pieces, size_t count, bool ended);

#endif
