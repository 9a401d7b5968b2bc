/* words.h: values compared while they pass, part by part, with what they may say. Nothing of them is stored, so that a
 * value may have any length and be split anywhere. */
#ifndef TW_HTTP1_WORDS_H
#define TW_HTTP1_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words in lower case match without regard to case; a capital stands for itself alone. A set of them is the bits of
 * their places in the table. */
typedef const char *const tw_word_table[];

/* A text that passes and the words which it may still be. */
typedef struct tw_words {
  uint16_t matching; /* a set */
  uint8_t matched;   /* bytes that have passed */
} tw_words;

/* Begins a text that may be one of `set`. */
void twc_words_begin(tw_words *words, uint32_t set);

/* Takes the next bytes of the text; none is NUL. */
void twc_words_take(tw_words *words, const tw_word_table table, const uint8_t *data, size_t size);

/* Returns which word the text was, as its bit, or 0. */
uint32_t twc_words_end(const tw_words *words, const tw_word_table table);

/* The same for a text that is there as a whole. */
uint32_t twc_words_find(const tw_word_table table, uint32_t set, const char *text, size_t size);

/* Where in a value, or in an element of a list: in front of its text, within, in white space behind. */
enum { TW_VALUE_START, TW_VALUE_INSIDE, TW_VALUE_SPACE };

typedef enum tw_value_part {
  TW_VALUE_NOTHING, /* white space */
  TW_VALUE_TEXT,    /* a byte of the text */
  TW_VALUE_MORE,    /* a byte of the text behind white space: two words, of which none counts */
  TW_VALUE_COMMA,   /* in a list: the element is whole */
} tw_value_part;

/* What the next byte of a value, or of a list (RFC 9110 5.6.1), is. Moves *place, which starts at TW_VALUE_START and is
 * to be set to that behind a comma. */
tw_value_part twc_value_next(uint8_t *place, bool list, uint8_t byte);

#endif
