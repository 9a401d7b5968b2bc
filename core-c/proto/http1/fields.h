/* fields.h: header fields as the application hands them over: name NUL value NUL, and so on. NUL may stand in neither,
 * so a text that has one makes their number wrong, and nothing can be smuggled in behind a value. */
#ifndef TW_HTTP1_FIELDS_H
#define TW_HTTP1_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tw_field {
  const char *name;
  const char *value;
  uint32_t name_size;
  uint32_t value_size;
} tw_field;

/* Splits off the text that begins at *at and ends before the next NUL; moves *at behind that. False: there is none
 * before `end`. */
bool twc_text_next(const char **at, const char *end, const char **text, uint32_t *size);

/* The next pair; as twc_text_next. */
bool twc_field_next(const char **at, const char *end, tw_field *field);

/* As twc_field_next; false also if a byte stands where it may not. */
bool twc_field_next_valid(const char **at, const char *end, tw_field *field);

/* Whether these are exactly `count` pairs, names of RFC 9110 5.6.2 and values of 5.5. */
bool twc_fields_valid(const char *fields, uint32_t size, uint32_t count);

/* Whether the name is this one, written in lower case. */
bool twc_field_is(const tw_field *field, const char *name, uint32_t size);

#endif
