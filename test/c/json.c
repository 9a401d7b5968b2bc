/* json.c: a reader for the JSON of vectors: arrays of texts and integers. */
#include "json.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct json_reader {
  char *text;
  size_t size;
  size_t at;
  const char *wrong;
  /* the arguments of a case's steps, one after the other */
  const char **texts;
  size_t *sizes;
  long long *numbers;
  size_t args;
  size_t args_capacity;
  test_step *steps;
  size_t *first_arg;
  size_t steps_count;
  size_t steps_capacity;
} json_reader;

static void *grow(void *old, size_t count, size_t size) {
  void *data = realloc(old, count * size);
  if (data == NULL)
    abort();
  return data;
}

static bool fail(json_reader *r, const char *wrong) {
  if (r->wrong == NULL)
    r->wrong = wrong;
  return false;
}

static char peek(json_reader *r) {
  while (r->at < r->size && memchr(" \t\r\n", r->text[r->at], 4) != NULL)
    r->at++;
  return r->at < r->size ? r->text[r->at] : '\0';
}

static bool take(json_reader *r, char c) {
  if (peek(r) != c)
    return false;
  r->at++;
  return true;
}

static bool need(json_reader *r, char c, const char *wrong) { return take(r, c) || fail(r, wrong); }

static int hex4(const char *text) {
  int value = 0;
  for (int i = 0; i < 4; i++) {
    char c = text[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

static size_t put_utf8(char *out, unsigned code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 63));
    out[2] = (char)(0x80 | (code & 63));
    return 3;
  }
  out[0] = (char)(0xf0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 63));
  out[2] = (char)(0x80 | (code >> 6 & 63));
  out[3] = (char)(0x80 | (code & 63));
  return 4;
}

static bool read_unicode(json_reader *r, char **out) {
  int high = r->size - r->at >= 4 ? hex4(r->text + r->at) : -1;
  if (high < 0)
    return fail(r, "\\u needs four hex digits");
  r->at += 4;
  unsigned code = (unsigned)high;
  if (code >= 0xd800 && code < 0xdc00) {
    int low =
        r->size - r->at >= 6 && r->text[r->at] == '\\' && r->text[r->at + 1] == 'u' ? hex4(r->text + r->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff)
      return fail(r, "half a surrogate pair");
    r->at += 6;
    code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)low - 0xdc00);
  }
  *out += put_utf8(*out, code);
  return true;
}

/* Decodes in place; the closing quote leaves room for the NUL. */
static bool read_text(json_reader *r, const char **text, size_t *size) {
  if (!need(r, '"', "a string was expected"))
    return false;
  char *start = r->text + r->at;
  char *out = start;
  for (;;) {
    if (r->at >= r->size)
      return fail(r, "a string has no end");
    char c = r->text[r->at++];
    if (c == '"')
      break;
    if (c != '\\') {
      *out++ = c;
      continue;
    }
    char escape = r->at < r->size ? r->text[r->at++] : '\0';
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const char *name = escape == '\0' ? NULL : strchr(names, escape);
    if (name != NULL)
      *out++ = values[name - names];
    else if (escape != 'u' || !read_unicode(r, &out))
      return fail(r, "an unknown escape");
  }
  *out = '\0';
  *text = start;
  *size = (size_t)(out - start);
  return true;
}

static bool read_number(json_reader *r, long long *number) {
  bool negative = take(r, '-');
  char c = peek(r);
  if (c < '0' || c > '9')
    return fail(r, "a string or an integer was expected");
  *number = 0;
  for (; r->at < r->size && r->text[r->at] >= '0' && r->text[r->at] <= '9'; r->at++)
    *number = *number * 10 + (r->text[r->at] - '0');
  if (negative)
    *number = -*number;
  return true;
}

static bool read_arg(json_reader *r) {
  if (r->args == r->args_capacity) {
    r->args_capacity = r->args_capacity * 2 + 64;
    r->texts = grow(r->texts, r->args_capacity, sizeof *r->texts);
    r->sizes = grow(r->sizes, r->args_capacity, sizeof *r->sizes);
    r->numbers = grow(r->numbers, r->args_capacity, sizeof *r->numbers);
  }
  size_t i = r->args++;
  r->texts[i] = NULL;
  r->sizes[i] = 0;
  r->numbers[i] = 0;
  return peek(r) == '"' ? read_text(r, &r->texts[i], &r->sizes[i]) : read_number(r, &r->numbers[i]);
}

static bool read_step(json_reader *r) {
  if (r->steps_count == r->steps_capacity) {
    r->steps_capacity = r->steps_capacity * 2 + 32;
    r->steps = grow(r->steps, r->steps_capacity, sizeof *r->steps);
    r->first_arg = grow(r->first_arg, r->steps_capacity, sizeof *r->first_arg);
  }
  size_t first = r->args;
  if (!need(r, '[', "a step is an array"))
    return false;
  do {
    if (!read_arg(r))
      return false;
  } while (take(r, ','));
  if (!need(r, ']', "a step has no end"))
    return false;
  if (r->texts[first] == NULL)
    return fail(r, "a step begins with the name of its operation");
  r->first_arg[r->steps_count] = first;
  r->steps[r->steps_count++].count = (int)(r->args - first);
  return true;
}

static bool read_steps(json_reader *r) {
  if (!need(r, '[', "steps is an array"))
    return false;
  do {
    if (!read_step(r))
      return false;
  } while (take(r, ','));
  if (!need(r, ']', "steps has no end"))
    return false;
  for (size_t i = 0; i < r->steps_count; i++) {
    r->steps[i].text = r->texts + r->first_arg[i];
    r->steps[i].size = r->sizes + r->first_arg[i];
    r->steps[i].number = r->numbers + r->first_arg[i];
  }
  return true;
}

/* name, note and steps, in this order */
static bool read_case(json_reader *r, test_case *one) {
  *one = (test_case){0};
  r->args = 0;
  r->steps_count = 0;
  if (!need(r, '{', "a case is an object"))
    return false;
  do {
    const char *key = NULL;
    const char *text = NULL;
    size_t size = 0;
    if (!read_text(r, &key, &size) || !need(r, ':', "a colon was expected"))
      return false;
    if (strcmp(key, "steps") == 0) {
      if (!read_steps(r))
        return false;
    } else if (!read_text(r, &text, &size)) {
      return false;
    } else if (strcmp(key, "name") == 0) {
      one->name = text;
    }
  } while (take(r, ','));
  if (one->name == NULL || r->steps_count == 0)
    return fail(r, "a case has a name and steps");
  one->count = (int)r->steps_count;
  one->steps = r->steps;
  return need(r, '}', "a case has no end");
}

static bool read_file(json_reader *r, void (*each)(void *context, const test_case *one), void *context) {
  bool any = false;
  if (!need(r, '{', "a vector file is an object"))
    return false;
  do {
    const char *key = NULL;
    const char *text = NULL;
    size_t size = 0;
    if (!read_text(r, &key, &size) || !need(r, ':', "a colon was expected"))
      return false;
    if (strcmp(key, "cases") != 0) {
      if (!read_text(r, &text, &size))
        return false;
      continue;
    }
    if (!need(r, '[', "cases is an array"))
      return false;
    do {
      test_case one;
      if (!read_case(r, &one))
        return false;
      each(context, &one);
      any = true;
    } while (take(r, ','));
    if (!need(r, ']', "cases has no end"))
      return false;
  } while (take(r, ','));
  if (!need(r, '}', "the file has no end"))
    return false;
  if (peek(r) != '\0')
    return fail(r, "something follows the end");
  return any || fail(r, "a vector file has cases");
}

const char *json_cases(char *text, size_t size, void (*each)(void *context, const test_case *one), void *context,
                       size_t *at) {
  json_reader r = {.text = text, .size = size};
  read_file(&r, each, context);
  *at = r.at;
  free(r.texts);
  free(r.sizes);
  free(r.numbers);
  free(r.steps);
  free(r.first_arg);
  return r.wrong;
}
