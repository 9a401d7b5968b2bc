/* interpret.h: what the parts of message.c share. A text that matters is compared while it passes, with all the words
 * it may be at once; none is copied. */
#ifndef TW_HTTP1_INTERPRET_H
#define TW_HTTP1_INTERPRET_H

#include "proto/http1/message.h"

/* Bits of tw_message.facts. */
enum {
  TW_FACT_BEGUN = 1,   /* the section has begun: an empty line before it is no part of it */
  TW_FACT_TOLD = 2,    /* a part of the section has been given out */
  TW_FACT_LINE = 4,    /* the request line is whole */
  TW_FACT_CONNECT = 8, /* the method */
  TW_FACT_OPTIONS = 16,
  TW_FACT_HOST = 32, /* fields that came */
  TW_FACT_LENGTH = 64,
  TW_FACT_CODING = 128,
  TW_FACT_UPGRADE = 256,
  TW_FACT_CHUNKED = 512, /* what their values said */
  TW_FACT_CLOSE = 1024,
  TW_FACT_KEEP_ALIVE = 2048,
  TW_FACT_UPGRADES = 4096, /* Connection: upgrade */
  TW_FACT_CONTINUE = 8192,
  TW_FACT_BAD = 16384,     /* the value that is passing is malformed */
  TW_FACT_FOREIGN = 32768, /* ... and names a transfer coding that is not known */
};

/* The words that matter in a message, and their bits. */
extern const char *const twc_message_words[];

enum {
  TW_WORD_CONNECT = 1,
  TW_WORD_OPTIONS = 2,
  TW_WORD_HOST = 4,
  TW_WORD_CONNECTION = 8,
  TW_WORD_CONTENT_LENGTH = 16,
  TW_WORD_TRANSFER_ENCODING = 32,
  TW_WORD_EXPECT = 64,
  TW_WORD_UPGRADE = 128,
  TW_WORD_NAMES = 252,
  TW_WORD_RESPONSE_NAMES = 56, /* the others mean nothing there */
  TW_WORD_KEEP_ALIVE = 256,
  TW_WORD_CLOSE = 512,
  TW_WORD_UPGRADES = 1024,
  TW_WORD_CHUNKED = 2048,
  TW_WORD_CONTINUE = 4096,
};

/* A host and port that passes byte by byte, RFC 3986 3.2: from TW_HOST_START on. */
enum { TW_HOST_START, TW_HOST_NAME, TW_HOST_LITERAL, TW_HOST_LITERAL_END, TW_HOST_PORT, TW_HOST_DIGITS, TW_HOST_BAD };
uint32_t twc_host_take(uint32_t state, uint8_t byte);

/* The bytes of a name at the start of [data, data + size), for which TW_HOST_NAME stays as it is. */
size_t twc_host_name_run(const uint8_t *data, size_t size);

/* A token of the request line or of a field came. Returns 0 or an error. */
int32_t twc_message_line(tw_message *message, const tw_head_token *token);
int32_t twc_message_field(tw_message *message, const tw_head_token *token);

/* The same for a field that came whole. */
int32_t twc_message_whole_field(tw_message *message, const tw_head_field *field);

/* The framing of the chunked coding; `phase` is the state. Consumes up to where `left` bytes of data begin, or the
 * trailer section. */
enum { TW_CHUNK_SIZE_START, TW_CHUNK_DATA, TW_CHUNK_TRAILERS, TW_CHUNK_PHASES = 16 };
int32_t twc_message_chunk(tw_message *message, const uint8_t *data, size_t size, size_t *used);

#endif
