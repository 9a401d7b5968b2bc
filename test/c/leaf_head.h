/* leaf_head.h: what the HTTP head parser makes of an input, as text. */
#ifndef TEST_LEAF_HEAD_H
#define TEST_LEAF_HEAD_H

#include "buffer.h"
#include "proto/http1/head.h"

/* Parses `data`, offered in pieces of the sizes in `pieces`, again from the first of them after the last; a piece of 0
 * bytes is all the rest. Appends one line an item:
 *
 *   status 101 1        code and minor version
 *   reason Switching    listed when the next item comes; so are these two:
 *   method GET
 *   target /
 *   version 1
 *   name Upgrade        a name and its value are listed when the field ends
 *   value websocket     without trailing whitespace
 *   end at 38           and how many bytes the head had
 *   need                all was consumed, and it was not the end
 *   error ERR_HTTP at 7 and the index of the byte that proved it
 *   broken: why         the parser broke what its header promises */
void leaf_head_run(test_buffer *out, tw_head_kind kind, uint32_t max, const uint8_t *data, size_t size,
                   const size_t *pieces, size_t count);

#endif
