/* fields.c: pairs of name and value that the application passes for a head. */
#include "proto/http1/fields.h"

#include "src/bytes.h"

bool twc_text_next(const char **at, const char *end, const char **text, uint32_t *size) {
  const char *from = *at;
  const char *to = from;
  while (to < end && *to != 0)
    to++;
  if (to == end)
    return false;
  *text = from;
  *size = (uint32_t)(to - from);
  *at = to + 1;
  return true;
}

bool twc_field_next(const char **at, const char *end, tw_field *field) {
  return twc_text_next(at, end, &field->name, &field->name_size) &&
         twc_text_next(at, end, &field->value, &field->value_size);
}

static bool is_field(const tw_field *field) {
  if (field->name_size == 0)
    return false;
  for (uint32_t i = 0; i < field->name_size; i++)
    if (!twc_is_token_char((uint8_t)field->name[i]))
      return false;
  for (uint32_t i = 0; i < field->value_size; i++)
    if (!twc_is_value_char((uint8_t)field->value[i]))
      return false;
  return true;
}

bool twc_field_next_valid(const char **at, const char *end, tw_field *field) {
  return twc_field_next(at, end, field) && is_field(field);
}

bool twc_fields_valid(const char *fields, uint32_t size, uint32_t count) {
  const char *at = fields;
  const char *end = fields + size;
  tw_field field;
  for (uint32_t i = 0; i < count; i++)
    if (!twc_field_next_valid(&at, end, &field))
      return false;
  return at == end;
}

bool twc_field_is(const tw_field *field, const char *name, uint32_t size) {
  return twc_bytes_equal_nocase(field->name, field->name_size, name, size);
}
