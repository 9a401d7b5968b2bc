/* words.c: the comparison of words and lists, for HTTP messages and for WebSocket handshakes. */
#include "proto/http1/words.h"

#include "src/bytes.h"

void twc_words_begin(tw_words *words, uint32_t set) {
  words->matching = (uint16_t)set;
  words->matched = 0;
}

/* No text has a NUL: it differs from a word at its end at the latest. */
void twc_words_take(tw_words *words, const tw_word_table table, const uint8_t *data, size_t size) {
  uint32_t matching = words->matching;
  const char *const *at = table;
  for (uint32_t bit = 1; bit <= matching; bit <<= 1, at++) {
    if ((matching & bit) == 0)
      continue;
    const char *word = *at + words->matched;
    size_t same = 0;
    while (same < size && (word[same] == (char)data[same] || word[same] == twc_ascii_lower((char)data[same])))
      same++;
    if (same < size)
      matching ^= bit;
  }
  words->matching = (uint16_t)matching;
  words->matched += (uint8_t)size;
}

uint32_t twc_words_end(const tw_words *words, const tw_word_table table) {
  for (uint32_t w = 0; words->matching >> w != 0; w++)
    if ((words->matching >> w & 1) != 0 && table[w][words->matched] == 0)
      return 1u << w;
  return 0;
}

uint32_t twc_words_find(const tw_word_table table, uint32_t set, const char *text, size_t size) {
  tw_words words;
  twc_words_begin(&words, set);
  twc_words_take(&words, table, (const uint8_t *)text, size);
  return twc_words_end(&words, table);
}

tw_value_part twc_value_next(uint8_t *place, bool list, uint8_t byte) {
  if (byte == ' ' || byte == '\t') {
    if (*place == TW_VALUE_INSIDE)
      *place = TW_VALUE_SPACE;
    return TW_VALUE_NOTHING;
  }
  if (list && byte == ',')
    return TW_VALUE_COMMA;
  tw_value_part part = *place == TW_VALUE_SPACE ? TW_VALUE_MORE : TW_VALUE_TEXT;
  *place = TW_VALUE_INSIDE;
  return part;
}
