/* json_field.h: as much JSON as the samples need. A program takes a parser of its choice. */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include <stdio.h>
#include <string.h>

/* Prints a field of a flat object, a text without its quotes. */
static inline void print_field(const char *json, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *at = strstr(json, key);
  if (at == NULL)
    return;
  at += strlen(key);
  at += strspn(at, " ");
  const char *ends = *at == '"' ? "\"" : ",}";
  at += *at == '"';
  printf("%.*s\n", (int)strcspn(at, ends), at);
}

#endif
