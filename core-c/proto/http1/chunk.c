/* chunk.c: the framing of the chunked coding, RFC 9112 7.1. Extensions are parsed and dropped. The whitespace that
 * senders must not write around them (BWS) is refused: parsers have derived different sizes from it. */
#include "proto/http1/interpret.h"
#include "src/bytes.h"

enum { LF = '\n', CR = '\r', MAX_DIGITS = 16 };

/* tw_message.phase. */
enum {
  SIZE_START = TW_CHUNK_SIZE_START,
  DATA = TW_CHUNK_DATA,
  TRAILERS = TW_CHUNK_TRAILERS,
  SIZE,
  SIZE_LF,
  DATA_CR,
  DATA_LF,
  NAME_START,
  NAME,
  VALUE_START,
  VALUE,
  QUOTED,
  ESCAPED,
  QUOTED_END,
  BAD
};

static uint32_t take_digit(tw_message *message, uint8_t byte) {
  int digit = twc_hex_value(byte);
  if (digit < 0 || message->words.matched == MAX_DIGITS) /* 64 bits hold that many */
    return BAD;
  message->left = message->left << 4 | (uint64_t)digit;
  message->words.matched++;
  return SIZE;
}

/* What may follow a part of the size line that is whole. */
static uint32_t after(uint8_t byte) { return byte == CR ? SIZE_LF : byte == ';' ? NAME_START : BAD; }

static uint32_t advance(tw_message *message, uint8_t byte) {
  switch (message->phase) {
  case SIZE_START:
    message->left = 0;
    message->words.matched = 0;
    return take_digit(message, byte);
  case SIZE:
    return twc_hex_value(byte) >= 0 ? take_digit(message, byte) : after(byte);
  case SIZE_LF:
    return byte != LF ? BAD : message->left > 0 ? DATA : TRAILERS;
  case DATA: /* the data is over */
    return byte == CR ? DATA_LF : BAD;
  case DATA_LF:
    return byte == LF ? SIZE_START : BAD;
  case NAME_START:
    return twc_is_token_char(byte) ? NAME : BAD;
  case NAME:
    return twc_is_token_char(byte) ? NAME : byte == '=' ? VALUE_START : after(byte);
  case VALUE_START:
    return byte == '"' ? QUOTED : twc_is_token_char(byte) ? VALUE : BAD;
  case VALUE:
    return twc_is_token_char(byte) ? VALUE : after(byte);
  case QUOTED: /* RFC 9110 5.6.4 */
    return byte == '"' ? QUOTED_END : byte == '\\' ? ESCAPED : twc_is_value_char(byte) ? QUOTED : BAD;
  case ESCAPED:
    return twc_is_value_char(byte) ? QUOTED : BAD;
  case QUOTED_END:
    return after(byte);
  default:
    return BAD;
  }
}

int32_t twc_message_chunk(tw_message *message, const uint8_t *data, size_t size, size_t *used) {
  for (size_t i = 0; i < size; i++) {
    uint32_t phase = advance(message, data[i]);
    *used = i;
    if (phase == BAD)
      return TW_ERR_HTTP;
    /* RFC 9112 7.1.1: their length should be bounded, of all of them together. */
    if (phase >= NAME_START && message->extensions_left-- == 0)
      return TW_ERR_BODY_TOO_LARGE;
    message->phase = (uint8_t)phase;
    *used = i + 1;
    if (phase == DATA || phase == TRAILERS)
      return phase == DATA && message->left > message->max_body ? TW_ERR_BODY_TOO_LARGE : 0;
  }
  return 0;
}
