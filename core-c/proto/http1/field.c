/* field.c: the fields of a head that say how its message ends and what becomes of the connection. */
#include "proto/http1/interpret.h"
#include "src/bytes.h"

enum { HT = '\t', SP = ' ' };

/* ---- Words ---------------------------------------------------------------------------------------------------- */

/* In the order of their bits. Methods are case-sensitive (RFC 9110 9.1), all else is not. */
static const char words[][18] = {
    "host",  "content-length", "transfer-encoding", "connection",   "expect",  "upgrade", "chunked",
    "close", "keep-alive",     "upgrade",           "100-continue", "CONNECT", "OPTIONS"};

void twc_word_begin(tw_message *message, uint32_t may_be) {
  message->matching = (uint16_t)may_be;
  message->matched = 0;
}

/* Whether the word goes on so; a capital in it stands for itself alone. No text holds a NUL: it differs from a word at
 * its end at the latest. */
static bool goes_on(const char *word, const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (word[i] != (char)data[i] && word[i] != twc_ascii_lower((char)data[i]))
      return false;
  return true;
}

void twc_word_take(tw_message *message, const uint8_t *data, size_t size) {
  uint32_t matching = message->matching;
  if (matching == 0)
    return;
  const char lower = twc_ascii_lower((char)data[0]);
  for (uint32_t w = 0; matching >> w != 0; w++) {
    if ((matching >> w & 1) == 0)
      continue;
    const char *word = words[w] + message->matched;
    bool begins = word[0] == lower || word[0] == (char)data[0]; /* rules most words out, at little cost */
    if (!begins || !goes_on(word, data, size))
      matching ^= 1u << w;
  }
  message->matching = (uint16_t)matching;
  if (matching != 0)
    message->matched += (uint8_t)size;
}

uint32_t twc_word_end(tw_message *message) {
  for (uint32_t w = 0; message->matching >> w != 0; w++)
    if ((message->matching >> w & 1) != 0 && words[w][message->matched] == 0)
      return 1u << w;
  return 0;
}

/* ---- Values --------------------------------------------------------------------------------------------------- */

/* tw_message.field: TW_WORD_... of names that matter, as numbers that fit, or these. */
enum { NO_FIELD = 0, OTHER_FIELD = 64, IN_NAME = 65 };

/* tw_message.value of a length and of a list. */
enum { START, INSIDE, SPACE };

static bool is_space(uint8_t byte) { return byte == SP || byte == HT; }

/* RFC 9110 8.6: digits and nothing else; a number that is too large to be true is still one. */
static void take_length(tw_message *message, uint8_t byte) {
  if (is_space(byte)) {
    message->value = SPACE;
    return;
  }
  if (!twc_is_digit(byte) || message->value == SPACE)
    message->facts |= TW_FACT_BAD;
  message->value = INSIDE;
  message->left = message->left < UINT64_MAX / 10 ? message->left * 10 + (uint64_t)(byte & 15) : UINT64_MAX;
}

static void take_host(tw_message *message, uint8_t byte) {
  if (is_space(byte))
    message->matched = 1; /* only more of it may follow */
  else if (message->matched != 0)
    message->facts |= TW_FACT_BAD;
  else
    message->value = (uint8_t)twc_host_take(message->value, byte);
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
  uint32_t word = twc_word_end(message);
  if (message->field == TW_WORD_TRANSFER_ENCODING) {
    /* RFC 9112 6.1, 7.1: chunked is the last coding, and applied once. No element is empty: lenient readers and strict
     * ones take that for different things. */
    if (message->value == START || (message->facts & TW_FACT_CHUNKED) != 0)
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
  message->value = START;
  twc_word_begin(message, list_words(message));
}

/* Takes a separator, or the run of bytes before the next one. Returns how many. */
static size_t take_list(tw_message *message, const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && data[n] != ',' && !is_space(data[n]))
    n++;
  if (n > 0) {
    if (message->value == SPACE)
      message->matching = 0; /* two words are none */
    message->value = INSIDE;
    twc_word_take(message, data, n);
    return n;
  }
  if (data[0] == ',')
    end_element(message);
  else if (message->value == INSIDE)
    message->value = SPACE;
  return 1;
}

static void take_value(tw_message *message, const uint8_t *data, size_t size) {
  size_t taken;
  for (size_t i = 0; i < size; i += taken) {
    taken = 1;
    switch (message->field) {
    case OTHER_FIELD:
      return;
    case TW_WORD_HOST:
      take_host(message, data[i]);
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

/* The name is whole. */
static void begin_value(tw_message *message) {
  uint32_t word = twc_word_end(message);
  message->field = word == 0 ? OTHER_FIELD : (uint8_t)word;
  message->value = START;
  message->facts &= (uint16_t)~(TW_FACT_BAD | TW_FACT_FOREIGN);
  twc_word_begin(message, list_words(message));
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
  bool wrong = message->value == START || (message->facts & TW_FACT_CODING) != 0;
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

int32_t twc_message_field(tw_message *message, const tw_head_token *token) {
  if (token->type == TW_HEAD_NAME) {
    if (message->field == NO_FIELD)
      twc_word_begin(message, (message->read & TW_HTTP_READ_RESPONSE) != 0 ? TW_WORD_RESPONSE_NAMES : TW_WORD_NAMES);
    message->field = IN_NAME;
    twc_word_take(message, token->data, token->size);
    return 0;
  }
  if (message->field == IN_NAME)
    begin_value(message);
  if (token->type == TW_HEAD_VALUE) {
    take_value(message, token->data, token->size);
    return 0;
  }
  int32_t error = end_field(message);
  message->field = NO_FIELD;
  return error;
}
