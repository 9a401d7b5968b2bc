/* message.c: a received HTTP/1.x message: what its head says of its body, and the body. RFC 9112 6, 7 */
#include "proto/http1/message.h"

#include "proto/http1/interpret.h"

/* tw_message.phase; below these the chunked coding's. */
enum { HEAD = TW_CHUNK_PHASES, BY_LENGTH, UNTIL_CLOSE, TRAILERS };

static void fail(tw_message *message, int32_t error) {
  message->error = (int16_t)error;
  message->over = true;
}

void twc_message_init(tw_message *message, uint32_t read, uint32_t max_body, const tw_limits *limits) {
  bool response = (read & TW_HTTP_READ_RESPONSE) != 0;
  *message = (tw_message){
      .read = (uint8_t)read, .phase = HEAD, .max_body = max_body, .extensions_left = limits->maxHead, .limits = limits};
  twc_words_begin(&message->words, TW_WORD_CONNECT | TW_WORD_OPTIONS);
  twc_head_init(&message->head, response ? TW_HEAD_RESPONSE : TW_HEAD_REQUEST, limits->maxHead);
  twc_head_bound(&message->head, limits->maxLine, limits->maxFields);
}

static bool is_response(const tw_message *message) { return (message->read & TW_HTTP_READ_RESPONSE) != 0; }

static bool knows(const tw_message *message, uint32_t fact) { return (message->facts & fact) != 0; }

/* RFC 9112 6.3 items 1 and 2, RFC 9110 6: whatever its fields say. */
static bool is_bodiless(const tw_message *message, bool tunnel) {
  uint32_t status = message->head.number;
  return status < 200 || status == 204 || status == 304 || tunnel || (message->read & TW_HTTP_READ_NO_BODY) != 0;
}

static uint32_t response_flags(const tw_message *message) {
  uint32_t status = message->head.number;
  bool tunnel = (message->read & TW_HTTP_READ_TUNNEL) != 0 && status >= 200 && status < 300;
  if (tunnel || status == 101)
    return TW_HTTP_UPGRADE;
  if (is_bodiless(message, tunnel))
    return 0;
  if (knows(message, TW_FACT_CHUNKED))
    return TW_HTTP_BODY | TW_HTTP_CHUNKED;
  if (knows(message, TW_FACT_LENGTH))
    return message->left > 0 ? TW_HTTP_BODY : 0;
  return TW_HTTP_BODY | TW_HTTP_UNTIL_CLOSE;
}

static uint32_t request_flags(const tw_message *message) {
  uint32_t flags = knows(message, TW_FACT_CONNECT) ? TW_HTTP_UPGRADE : 0;
  if (knows(message, TW_FACT_CHUNKED))
    flags |= TW_HTTP_BODY | TW_HTTP_CHUNKED;
  else if (knows(message, TW_FACT_LENGTH) && message->left > 0)
    flags |= TW_HTTP_BODY;
  if (message->head.minor == 0) /* RFC 9110 10.1.1, 7.8: ignored in a message of 1.0 */
    return flags;
  if (knows(message, TW_FACT_CONTINUE) && (flags & TW_HTTP_BODY) != 0)
    flags |= TW_HTTP_CONTINUE;
  if (knows(message, TW_FACT_UPGRADE) && knows(message, TW_FACT_UPGRADES))
    flags |= TW_HTTP_UPGRADE;
  return flags;
}

/* RFC 9112 9.3. */
static bool keeps_alive(const tw_message *message, uint32_t flags) {
  if (knows(message, TW_FACT_CLOSE) || (flags & TW_HTTP_UNTIL_CLOSE) != 0)
    return false;
  if (is_response(message) && (flags & TW_HTTP_UPGRADE) != 0)
    return false;
  return message->head.minor > 0 || knows(message, TW_FACT_KEEP_ALIVE);
}

/* The head is whole: what follows it? Returns 0, or the error that forbids to go on. */
static int32_t end_head(tw_message *message) {
  bool connect = knows(message, TW_FACT_CONNECT);
  if (!is_response(message) && message->head.minor > 0 && !knows(message, TW_FACT_HOST))
    return TW_ERR_HTTP; /* RFC 9112 3.2 */
  uint32_t flags = is_response(message) ? response_flags(message) : request_flags(message);
  if (connect && (flags & TW_HTTP_BODY) != 0)
    return TW_ERR_HTTP; /* RFC 9110 9.3.6: what follows its head is the tunnel's */
  flags |= keeps_alive(message, flags) ? TW_HTTP_KEEP_ALIVE : 0;
  flags |= message->head.minor == 0 ? TW_HTTP_HTTP_1_0 : 0;
  message->flags = (uint16_t)flags;
  message->phase = (flags & TW_HTTP_CHUNKED) != 0       ? TW_CHUNK_SIZE_START
                   : (flags & TW_HTTP_UNTIL_CLOSE) != 0 ? UNTIL_CLOSE
                                                        : BY_LENGTH;
  return 0;
}

static void give(tw_message *message, tw_message_part *part, tw_message_type type, const uint8_t *data, size_t size,
                 bool final) {
  *part = (tw_message_part){
      .type = type, .first = !knows(message, TW_FACT_TOLD), .final = final, .data = data, .size = size};
  if (final)
    message->facts &= (uint16_t)~(TW_FACT_TOLD | TW_FACT_BEGUN);
  else
    message->facts |= TW_FACT_TOLD;
}

static int32_t take_token(tw_message *message, const tw_head_token *token) {
  switch (token->type) {
  case TW_HEAD_METHOD:
  case TW_HEAD_TARGET:
  case TW_HEAD_VERSION:
    return twc_message_line(message, token);
  case TW_HEAD_STATUS: /* RFC 9110 15 */
    return token->number < 100 || token->number > 599 ? TW_ERR_HTTP : 0;
  case TW_HEAD_NAME:
  case TW_HEAD_VALUE:
  case TW_HEAD_FIELD_END:
    return twc_message_field(message, token);
  default:
    return 0;
  }
}

/* What follows a head, or trailers, that are whole and have been given out. */
static void go_on(tw_message *message, tw_message_type type) {
  if (type == TW_MESSAGE_TRAILER || (message->flags & TW_HTTP_BODY) == 0)
    message->over = true;
  else if (message->phase == BY_LENGTH && message->left > message->max_body)
    fail(message, TW_ERR_BODY_TOO_LARGE);
}

/* Whether there is a byte of the head, or of the trailer section, whose end alone is none. */
static bool begins(const tw_message *message, const tw_head_token *token) {
  return message->phase == HEAD ? twc_head_begun(&message->head) : token->type == TW_HEAD_NAME;
}

/* Takes the fields of a head that came whole. Sets *error; returns the bytes of them. */
static size_t take_whole_fields(tw_message *message, const uint8_t *data, size_t size, int32_t *error) {
  tw_head_field field;
  size_t at = 0;
  size_t taken;
  *error = 0;
  while (message->phase == HEAD && *error == 0 &&
         (taken = twc_head_whole_field(&message->head, data + at, size - at, &field)) > 0) {
    at += taken;
    *error = twc_message_whole_field(message, &field);
  }
  return at;
}

/* Takes in as much of a head or of trailers as there is, and gives it out as one part. */
static size_t next_lines(tw_message *message, const uint8_t *data, size_t size, tw_message_part *part) {
  tw_message_type type = message->phase == HEAD ? TW_MESSAGE_HEAD : TW_MESSAGE_TRAILER;
  size_t start = knows(message, TW_FACT_BEGUN) ? 0 : size;
  size_t line = 0;
  size_t at = 0;
  tw_head_token token = {.type = TW_HEAD_NEED};
  int32_t error;
  do {
    size_t used;
    at += take_whole_fields(message, data + at, size - at, &error);
    if (error != 0)
      break;
    error = twc_head_next(&message->head, data + at, size - at, &used, &token);
    at += used;
    if (token.type == TW_HEAD_EMPTY_LINE)
      line = at;
    if (!knows(message, TW_FACT_BEGUN) && begins(message, &token)) {
      message->facts |= TW_FACT_BEGUN;
      start = line;
    }
    if (error == 0)
      error = take_token(message, &token);
  } while (error == 0 && token.type != TW_HEAD_NEED && token.type != TW_HEAD_END);

  bool whole = error == 0 && token.type == TW_HEAD_END;
  if (whole && type == TW_MESSAGE_HEAD)
    error = end_head(message);
  if (at > start)
    give(message, part, type, data + start, at - start, whole && error == 0);
  if (error != 0)
    fail(message, error);
  else if (whole)
    go_on(message, type);
  return at;
}

/* Gives out what is there of the body, or of its chunk. */
static size_t next_data(tw_message *message, const uint8_t *data, size_t size, tw_message_part *part) {
  bool bounded = message->phase != UNTIL_CLOSE;
  if (bounded && size > message->left)
    size = (size_t)message->left;
  if (size > message->max_body)
    size = message->max_body;
  if (size == 0) {
    fail(message, TW_ERR_BODY_TOO_LARGE);
    return 0;
  }
  message->max_body -= (uint32_t)size;
  message->left -= bounded ? size : 0;
  bool final = message->phase == BY_LENGTH && message->left == 0;
  give(message, part, TW_MESSAGE_BODY, data, size, final);
  message->over = final;
  return size;
}

static size_t next_framing(tw_message *message, const uint8_t *data, size_t size, tw_message_part *part) {
  size_t used;
  int32_t error = twc_message_chunk(message, data, size, &used);
  if (error != 0) {
    fail(message, error);
  } else if (message->phase == TW_CHUNK_TRAILERS) {
    give(message, part, TW_MESSAGE_BODY, data, 0, true);
    message->phase = TRAILERS;
    twc_head_init(&message->head, TW_HEAD_TRAILERS, message->limits->maxHead);
    twc_head_bound(&message->head, message->limits->maxLine, message->limits->maxFields);
  }
  return used;
}

void twc_message_next(tw_message *message, const uint8_t *data, size_t size, size_t *used, tw_message_part *part) {
  *used = 0;
  *part = (tw_message_part){.type = TW_MESSAGE_NONE};
  while (*used < size && !message->over && part->type == TW_MESSAGE_NONE) {
    const uint8_t *at = data + *used;
    size_t left = size - *used;
    if (message->phase == HEAD || message->phase == TRAILERS)
      *used += next_lines(message, at, left, part);
    else if (message->phase > TW_CHUNK_PHASES || (message->phase == TW_CHUNK_DATA && message->left > 0))
      *used += next_data(message, at, left, part);
    else
      *used += next_framing(message, at, left, part);
  }
}

void twc_message_end(tw_message *message, tw_message_part *part) {
  *part = (tw_message_part){.type = TW_MESSAGE_NONE};
  if (message->over)
    return;
  message->over = true;
  if (message->phase == UNTIL_CLOSE)
    give(message, part, TW_MESSAGE_BODY, NULL, 0, true);
  else /* RFC 9112 8 */
    message->error = TW_ERR_ENDED;
}

void twc_message_refuse(tw_message *message, int32_t error) { fail(message, error); }

uint32_t twc_message_answer(const tw_message *message) {
  if (is_response(message))
    return 0;
  switch (message->error) {
  case TW_ERR_HTTP:
    return 400;
  case TW_ERR_BODY_TOO_LARGE:
    return 413;
  case TW_ERR_HEAD_TOO_LARGE:
    return knows(message, TW_FACT_LINE) ? 431 : 414; /* RFC 9112 3, RFC 9110 5.4, RFC 6585 5 */
  case TW_ERR_ADDRESS_LIMIT:
    return 429; /* RFC 6585 4 */
  case TW_ERR_HTTP_CODING:
    return 501; /* RFC 9112 6.1 */
  case TW_ERR_HTTP_VERSION:
    return 505;
  case TW_ERR_ENDED: /* nothing was asked if nothing came */
    return message->phase == HEAD && !knows(message, TW_FACT_BEGUN) ? 0 : 400;
  default:
    return 0;
  }
}
