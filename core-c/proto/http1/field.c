/* field.c: the fields of a head that say how its message ends and what becomes of the connection. */
#include "proto/http1/interpret.h"
#include "src/bytes.h"

enum { HT = '\t', SP = ' ' };

/* ---- Values --------------------------------------------------------------------------------------------------- */

/* In the order of their bits. Methods are case-sensitive (RFC 9110 9.1), all else is not. */
const char *const twc_message_words[] = {"CONNECT",           "OPTIONS", "host",        "connection", "content-length",
                                         "transfer-encoding", "expect",  "upgrade",     "keep-alive", "close",
                                         "upgrade",           "chunked", "100-continue"};

/* tw_message.field: TW_WORD_... of names that matter, as numbers that fit, or these. */
enum { NO_FIELD = 0, OTHER_FIELD = 1, IN_NAME = 2 };

static bool is_space(uint8_t byte) { return byte == SP || byte == HT; }

/* RFC 9110 8.6: digits and nothing else; a number that is too large to be true is still one. */
static void take_length(tw_message *message, uint8_t byte) {
  if (is_space(byte)) {
    message->value = TW_VALUE_SPACE;
    return;
  }
  if (!twc_is_digit(byte) || message->value == TW_VALUE_SPACE)
    message->facts |= TW_FACT_BAD;
  message->value = TW_VALUE_INSIDE;
  message->left = message->left < UINT64_MAX / 10 ? message->left * 10 + (uint64_t)(byte & 15) : UINT64_MAX;
}

/* Takes a byte, or the rest of a name. Returns how many. */
static size_t take_host(tw_message *message, const uint8_t *data, size_t size) {
  if (is_space(data[0])) {
    message->words.matched = 1; /* only more of it may follow */
  } else if (message->words.matched != 0) {
    message->facts |= TW_FACT_BAD;
  } else {
    size_t run = message->value == TW_HOST_NAME ? twc_host_name_run(data, size) : 0;
    if (run > 0)
      return run;
    message->value = (uint8_t)twc_host_take(message->value, data[0]);
  }
  return 1;
}

static uint32_t list_words(const tw_message *message) {
  switch (message->field) {
  case TW_WORD_TRANSFER_ENCODING:
    return TW_WORD_CHUNKED;
  case TW_WORD_CONNECTION:
    return TW_WORD_CLOSE | TW_WORD_KEEP_ALIVE | TW_WORD_UPGRADES;
  default:
    return TW_WORD_CONTINUE;
  }
}

/* An element of a list, RFC 9110 5.6.1, is whole. */
static void end_element(tw_message *message) {
  uint32_t word = twc_words_end(&message->words, twc_message_words);
  if (message->field == TW_WORD_TRANSFER_ENCODING) {
    /* RFC 9112 6.1, 7.1: chunked is the last coding, and applied once. No element is empty: lenient readers and strict
     * ones take that for different things. */
    if (message->value == TW_VALUE_START || (message->facts & TW_FACT_CHUNKED) != 0)
      message->facts |= TW_FACT_BAD;
    else if (word == 0)
      message->facts |= TW_FACT_FOREIGN;
    else
      message->facts |= TW_FACT_CHUNKED;
  } else if (word == TW_WORD_CLOSE) {
    message->facts |= TW_FACT_CLOSE;
  } else if (word == TW_WORD_KEEP_ALIVE) {
    message->facts |= TW_FACT_KEEP_ALIVE;
  } else if (word == TW_WORD_UPGRADES) {
    message->facts |= TW_FACT_UPGRADES;
  } else if (word == TW_WORD_CONTINUE) {
    message->facts |= TW_FACT_CONTINUE;
  }
  message->value = TW_VALUE_START;
  twc_words_begin(&message->words, list_words(message));
}

/* Takes a separator, or the run of bytes before the next one. Returns how many. */
static size_t take_list(tw_message *message, const uint8_t *data, size_t size) {
  size_t run = 1;
  switch (twc_value_next(&message->value, true, data[0])) {
  case TW_VALUE_TEXT:
    while (run < size && data[run] != ',' && !is_space(data[run]))
      run++;
    twc_words_take(&message->words, twc_message_words, data, run);
    break;
  case TW_VALUE_MORE:
    message->words.matching = 0;
    break;
  case TW_VALUE_COMMA:
    end_element(message);
    break;
  default:
    break;
  }
  return run;
}

static void take_value(tw_message *message, const uint8_t *data, size_t size) {
  size_t taken;
  for (size_t i = 0; i < size; i += taken) {
    taken = 1;
    switch (message->field) {
    case OTHER_FIELD:
      return;
    case TW_WORD_HOST:
      taken = take_host(message, data + i, size - i);
      break;
    case TW_WORD_CONTENT_LENGTH:
      take_length(message, data[i]);
      break;
    case TW_WORD_UPGRADE:
      message->facts |= TW_FACT_UPGRADE;
      return;
    default:
      taken = take_list(message, data + i, size - i);
      break;
    }
  }
}

/* ---- Fields --------------------------------------------------------------------------------------------------- */

/* The name is whole: this one of those that matter, or 0. */
static void begin_value(tw_message *message, uint32_t word) {
  message->field = word == 0 ? OTHER_FIELD : (uint8_t)word;
  message->value = TW_VALUE_START;
  message->facts &= (uint16_t)~(TW_FACT_BAD | TW_FACT_FOREIGN);
  twc_words_begin(&message->words, list_words(message));
}

/* Notes that a field came which may come once. */
static bool again(tw_message *message, uint32_t fact) {
  bool came = (message->facts & fact) != 0;
  message->facts |= (uint16_t)fact;
  return came;
}

static int32_t end_host(tw_message *message) {
  bool open = message->value == TW_HOST_LITERAL || message->value == TW_HOST_BAD;
  return again(message, TW_FACT_HOST) || open ? TW_ERR_HTTP : 0; /* RFC 9112 3.2 */
}

/* RFC 9112 6.3 items 3 and 5: two that agree, too. */
static int32_t end_length(tw_message *message) {
  bool wrong = message->value == TW_VALUE_START || (message->facts & TW_FACT_CODING) != 0;
  return again(message, TW_FACT_LENGTH) || wrong ? TW_ERR_HTTP : 0;
}

static int32_t end_coding(tw_message *message) {
  end_element(message);
  message->facts |= TW_FACT_CODING;
  if ((message->facts & (TW_FACT_LENGTH | TW_FACT_BAD)) != 0 || message->head.minor == 0) /* RFC 9112 6.3 item 3, 6.1 */
    return TW_ERR_HTTP;
  return (message->facts & TW_FACT_FOREIGN) != 0 ? TW_ERR_HTTP_CODING : 0;
}

static int32_t end_field(tw_message *message) {
  bool trailer = message->head.kind == TW_HEAD_TRAILERS;
  switch (message->field) {
  case TW_WORD_HOST:
  case TW_WORD_CONTENT_LENGTH:
  case TW_WORD_TRANSFER_ENCODING:
    if (trailer || (message->facts & TW_FACT_BAD) != 0) /* RFC 9110 6.5.1: not where routing and framing are over */
      return TW_ERR_HTTP;
    return message->field == TW_WORD_HOST             ? end_host(message)
           : message->field == TW_WORD_CONTENT_LENGTH ? end_length(message)
                                                      : end_coding(message);
  case TW_WORD_CONNECTION:
  case TW_WORD_EXPECT:
    end_element(message);
    return 0;
  default:
    return 0;
  }
}

/* The names that matter in this message. */
static uint32_t names_of(const tw_message *message) {
  return (message->read & TW_HTTP_READ_RESPONSE) != 0 ? TW_WORD_RESPONSE_NAMES : TW_WORD_NAMES;
}

int32_t twc_message_field(tw_message *message, const tw_head_token *token) {
  if (token->type == TW_HEAD_NAME) {
    if (message->field == NO_FIELD)
      twc_words_begin(&message->words, names_of(message));
    message->field = IN_NAME;
    twc_words_take(&message->words, twc_message_words, token->data, token->size);
    return 0;
  }
  if (message->field == IN_NAME)
    begin_value(message, twc_words_end(&message->words, twc_message_words));
  if (token->type == TW_HEAD_VALUE) {
    take_value(message, token->data, token->size);
    return 0;
  }
  int32_t error = end_field(message);
  message->field = NO_FIELD;
  return error;
}

/* The name that matters which one of this size, with this first byte, can be; 0: none, as most are. */
static uint32_t candidate(uint8_t first, size_t size) {
  switch (size) {
  case sizeof "host" - 1:
    return (first | 0x20) == 'h' ? TW_WORD_HOST : 0;
  case sizeof "expect" - 1:
    return (first | 0x20) == 'e' ? TW_WORD_EXPECT : 0;
  case sizeof "upgrade" - 1:
    return (first | 0x20) == 'u' ? TW_WORD_UPGRADE : 0;
  case sizeof "connection" - 1:
    return (first | 0x20) == 'c' ? TW_WORD_CONNECTION : 0;
  case sizeof "content-length" - 1:
    return (first | 0x20) == 'c' ? TW_WORD_CONTENT_LENGTH : 0;
  case sizeof "transfer-encoding" - 1:
    return (first | 0x20) == 't' ? TW_WORD_TRANSFER_ENCODING : 0;
  default:
    return 0;
  }
}

int32_t twc_message_whole_field(tw_message *message, const tw_head_field *field) {
  uint32_t word = candidate(field->name[0], field->name_size) & names_of(message);
  if (word == 0 || twc_words_find(twc_message_words, word, (const char *)field->name, field->name_size) == 0)
    return 0;
  begin_value(message, word);
  take_value(message, field->value, field->value_size);
  int32_t error = end_field(message);
  message->field = NO_FIELD;
  return error;
}
