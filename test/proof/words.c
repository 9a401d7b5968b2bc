/* words.c: the words of HTTP heads and of handshakes compared with arbitrary texts, from each place in each word. What
 * is compared with several words at once is compared with each by itself. */
#include "proto/http1/words.h"
#include "any.h"
#include "proto/http1/interpret.h"
#include "proto/ws/ws.h"

enum { SIZE = 2, MESSAGE_WORDS = 13, WS_WORDS = 11 };

static uint32_t length_of(const char *word) {
  uint32_t size = 0;
  /*@ loop unroll 32; */
  while (word[size] != 0)
    size++;
  return size;
}

static void compare(const tw_word_table table, uint32_t word) {
  uint8_t bytes[SIZE];
  bytes[0] = any_text_byte();
  bytes[1] = any_text_byte();
  tw_words words = {.matching = (uint16_t)(1u << word), .matched = (uint8_t)any_up_to(length_of(table[word]))};
  twc_words_take(&words, table, bytes, any_up_to(SIZE));
  //@ assert inside: words.matching == 0 || words.matched <= 24;
  twc_words_end(&words, table);
}

int main(void) {
  uint8_t place = (uint8_t)Frama_C_interval(0, TW_VALUE_SPACE);
  twc_value_next(&place, any_byte != 0, any_byte);
  if (any_up_to(1) == 0)
    compare(twc_message_words, any_up_to(MESSAGE_WORDS - 1));
  else
    compare(twc_ws_words, any_up_to(WS_WORDS - 1));
  return 0;
}
