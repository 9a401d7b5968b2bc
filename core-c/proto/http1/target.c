/* target.c: the request line, RFC 9112 3: which form its target has, and whether its method goes with that. */
#include "proto/http1/interpret.h"
#include "src/bytes.h"
#include "src/runs.h"

static bool is_in_name(uint8_t byte) { return twc_is_name_char(byte) || byte == '%'; /* of an escape */ }

size_t twc_host_name_run(const uint8_t *data, size_t size) {
  size_t n = 0;
  while (n < size && is_in_name(data[n]))
    n++;
  return n;
}

/* RFC 3986 3.2.2 and 3.2.3. An empty host is none, but a Host field may be empty (RFC 9110 7.2). */
uint32_t twc_host_take(uint32_t state, uint8_t byte) {
  bool name = is_in_name(byte);
  switch (state) {
  case TW_HOST_START:
    return byte == '[' ? TW_HOST_LITERAL : name ? TW_HOST_NAME : TW_HOST_BAD;
  case TW_HOST_NAME:
    return byte == ':' ? TW_HOST_PORT : name ? TW_HOST_NAME : TW_HOST_BAD;
  case TW_HOST_LITERAL: /* of IPv6 */
    if (byte == ']')
      return TW_HOST_LITERAL_END;
    return twc_hex_value(byte) >= 0 || byte == ':' || byte == '.' ? TW_HOST_LITERAL : TW_HOST_BAD;
  case TW_HOST_LITERAL_END:
    return byte == ':' ? TW_HOST_PORT : TW_HOST_BAD;
  case TW_HOST_PORT:
  case TW_HOST_DIGITS:
    return twc_is_digit(byte) ? TW_HOST_DIGITS : TW_HOST_BAD;
  default:
    return TW_HOST_BAD;
  }
}

/* tw_message.target: AUTHORITY + TW_HOST_... while a host passes. */
enum { START, PATH, ASTERISK, SCHEME, SLASHES, SLASH, BAD, AUTHORITY };

static uint32_t begin(const tw_message *message, uint8_t byte) {
  if ((message->facts & TW_FACT_CONNECT) != 0) /* RFC 9112 3.2.3 */
    return AUTHORITY + twc_host_take(TW_HOST_START, byte);
  if (byte == '/')
    return PATH;
  if (byte == '*' && (message->facts & TW_FACT_OPTIONS) != 0) /* RFC 9112 3.2.4 */
    return ASTERISK;
  return twc_is_letter(byte) ? SCHEME : BAD;
}

static uint32_t authority(const tw_message *message, uint8_t byte) {
  uint32_t host = message->target - (uint32_t)AUTHORITY;
  bool whole = host != TW_HOST_START && host != TW_HOST_LITERAL && host != TW_HOST_BAD;
  if (whole && (byte == '/' || byte == '?') && (message->facts & TW_FACT_CONNECT) == 0)
    return PATH;
  return AUTHORITY + twc_host_take(host, byte); /* RFC 9110 4.2.4: no user information */
}

static uint32_t advance(const tw_message *message, uint8_t byte) {
  switch (message->target) {
  case START:
    return begin(message, byte);
  case PATH:
    return twc_path_run(&byte, 1) == 1 ? PATH : BAD;
  case SCHEME: /* RFC 3986 3.1 */
    if (byte == ':')
      return SLASHES;
    return twc_is_letter(byte) || twc_is_digit(byte) || byte == '+' || byte == '-' || byte == '.' ? SCHEME : BAD;
  case SLASHES:
    return byte == '/' ? SLASH : BAD;
  case SLASH:
    return byte == '/' ? AUTHORITY + TW_HOST_START : BAD;
  case ASTERISK:
  case BAD:
    return BAD;
  default:
    return authority(message, byte);
  }
}

static bool is_whole(const tw_message *message) {
  if ((message->facts & TW_FACT_CONNECT) != 0) /* RFC 9110 9.3.6: the port is always given */
    return message->target == AUTHORITY + TW_HOST_DIGITS;
  return message->target == PATH || message->target == ASTERISK ||
         (message->target > AUTHORITY + TW_HOST_START && message->target != AUTHORITY + TW_HOST_LITERAL &&
          message->target != AUTHORITY + TW_HOST_BAD);
}

int32_t twc_message_line(tw_message *message, const tw_head_token *token) {
  if (token->type == TW_HEAD_METHOD) {
    twc_words_take(&message->words, twc_message_words, token->data, token->size);
    return 0;
  }
  if (token->type == TW_HEAD_VERSION) {
    message->facts |= TW_FACT_LINE;
    return is_whole(message) ? 0 : TW_ERR_HTTP;
  }
  if (message->target == START) {
    uint32_t method = twc_words_end(&message->words, twc_message_words);
    message->facts |= method == TW_WORD_CONNECT ? TW_FACT_CONNECT : method == TW_WORD_OPTIONS ? TW_FACT_OPTIONS : 0;
  }
  for (size_t i = 0; i < token->size;) {
    size_t run = message->target == PATH ? twc_path_run(token->data + i, token->size - i) : 0;
    if (run == 0)
      message->target = (uint8_t)advance(message, token->data[i]);
    i += run == 0 ? 1 : run;
  }
  return 0;
}
