/* any_head.h: what the functions return that read a head and compare its words: anything that they may. Of those
 * themselves head.c and words.c prove that they do nothing undefined. */
#ifndef TEST_PROOF_ANY_HEAD_H
#define TEST_PROOF_ANY_HEAD_H

#include "any.h"
#include "proto/http1/head.h"
#include "proto/http1/words.h"

/* The bytes of a part, wherever it lies. */
enum { PART_SIZE = 3 };
static uint8_t any_part[PART_SIZE];

void twc_head_init(tw_head *head, tw_head_kind kind, uint32_t max_bytes) {
  *head = (tw_head){.left = max_bytes, .kind = (uint8_t)kind};
}

/* A token for each byte. */
int32_t twc_head_next(tw_head *head, const uint8_t *data, size_t size, size_t *used, tw_head_token *token) {
  (void)head;
  (void)data;
  *used = size > 0 ? 1 : 0;
  token->type = size > 0 ? (tw_head_type)Frama_C_interval(TW_HEAD_NEED + 1, TW_HEAD_END) : TW_HEAD_NEED;
  token->number = (uint16_t)Frama_C_interval(0, 999);
  token->minor = any_byte;
  token->data = any_part;
  token->size = (size_t)Frama_C_interval(1, PART_SIZE);
  return any_byte == 0 ? TW_ERR_HTTP : 0;
}

void twc_words_begin(tw_words *words, uint32_t set) { words->matching = (uint16_t)set; }
void twc_words_take(tw_words *words, const tw_word_table table, const uint8_t *data, size_t size) {
  (void)table;
  //@ assert word: size == 0 || \valid_read(data + (0 .. size - 1));
  (void)data, (void)size;
  words->matching = (uint16_t)any_number;
}

/* One of the words, or 0. */
#define any_word() (any_byte == 0 ? 0 : 1u << Frama_C_interval(0, 15))

uint32_t twc_words_end(const tw_words *words, const tw_word_table table) {
  (void)words, (void)table;
  return any_word();
}
uint32_t twc_words_find(const tw_word_table table, uint32_t set, const char *text, size_t size) {
  (void)table, (void)set;
  //@ assert text: size == 0 || \valid_read(text + (0 .. size - 1));
  (void)text, (void)size;
  return any_word();
}
tw_value_part twc_value_next(uint8_t *place, bool list, uint8_t byte) {
  (void)list, (void)byte;
  *place = (uint8_t)Frama_C_interval(TW_VALUE_START, TW_VALUE_SPACE);
  return (tw_value_part)Frama_C_interval(TW_VALUE_NOTHING, TW_VALUE_COMMA);
}

#endif
