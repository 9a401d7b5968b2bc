/* message.h: a whole HTTP/1.1 message (RFC 9112), read piece by piece: its head, its body with the framing taken off,
 * its trailers.
 *
 * Pull style, as head.h: the caller offers bytes and is given one part after the other. Nothing is stored but the
 * state, which is small enough for every connection that reads a message; fields are interpreted while they pass. The
 * parts of a section put together, and where an error is found, are the same however the input was split.
 *
 *   do {
 *     twc_message_next(&message, data, size, &used, &part);
 *     data += used, size -= used;
 *     if (part.type != TW_MESSAGE_NONE) on_part(&part);
 *   } while (!message.over && size > 0);
 *
 * Strict where two readers that differ could be made to disagree about where a message ends; the clauses stand in
 * message.c (what a head says of its body), field.c (fields), target.c (targets and hosts), chunk.c (chunked). */
#ifndef TW_HTTP1_MESSAGE_H
#define TW_HTTP1_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/http1/head.h"
#include "proto/http1/words.h"
#include "twinwire/abi.gen.h"

typedef enum tw_message_type { TW_MESSAGE_NONE, TW_MESSAGE_HEAD, TW_MESSAGE_BODY, TW_MESSAGE_TRAILER } tw_message_type;

typedef struct tw_message_part {
  tw_message_type type;
  bool first;
  bool final;          /* of its section; the last part may be empty */
  const uint8_t *data; /* borrowed from the input */
  size_t size;
} tw_message_part;

typedef struct tw_message {
  bool over;      /* nothing more is consumed */
  uint8_t value;  /* private: where in the value of a field */
  int16_t error;  /* why; 0: it is whole */
  uint16_t flags; /* tw_http bits, once the head is whole */
  /* Private; interpret.h. */
  uint16_t facts; /* what has been seen */
  tw_words words; /* the text that is passing */
  uint8_t read;   /* twc_http_read */
  uint8_t phase;
  uint8_t field;            /* that is passing */
  uint8_t target;           /* where in the target */
  uint32_t max_body;        /* bytes of body that may still come */
  uint32_t extensions_left; /* bytes of chunk extensions that may still come */
  uint64_t left;            /* bytes of the body, or of its chunk, still to come */
  const tw_limits *limits;
  tw_head head;
} tw_message;

/* Makes ready for one message with at most `max_body` bytes of body. `read`: twc_http_read. `limits` (maxHead, maxLine,
 * maxFields) stays the caller's and must outlive the message. */
void twc_message_init(tw_message *message, uint32_t read, uint32_t max_body, const tw_limits *limits);

/* Consumes bytes of [data, data + size), sets *used and fills *part. If there is no part and the message is not over,
 * all were consumed. */
void twc_message_next(tw_message *message, const uint8_t *data, size_t size, size_t *used, tw_message_part *part);

/* The stream ended, which is how a body may end; the message is over. */
void twc_message_end(tw_message *message, tw_message_part *part);

/* Ends a request whose head was the last part with this error. */
void twc_message_refuse(tw_message *message, int32_t error);

/* With an error in a request: the status to answer it with. 0: none. */
uint32_t twc_message_answer(const tw_message *message);

#endif
