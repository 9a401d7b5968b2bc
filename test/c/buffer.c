/* buffer.c: bytes that grow, and how vectors write them. */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_AS_TEXT = 300, SHORTEST_RUN = 8 };

void buffer_free(test_buffer *buffer) {
  free(buffer->data);
  *buffer = (test_buffer){0};
}

void buffer_clear(test_buffer *buffer) { buffer->size = 0; }

static void buffer_reserve(test_buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->size >= more)
    return;
  size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity;
  while (capacity - buffer->size < more)
    capacity *= 2;
  uint8_t *data = realloc(buffer->data, capacity);
  if (data == NULL)
    abort();
  buffer->data = data;
  buffer->capacity = capacity;
}

void buffer_append(test_buffer *buffer, const void *data, size_t size) {
  if (size == 0)
    return;
  buffer_reserve(buffer, size);
  memcpy(buffer->data + buffer->size, data, size);
  buffer->size += size;
}

void buffer_text(test_buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }

void buffer_number(test_buffer *buffer, long long number) {
  char digits[24];
  size_t at = sizeof digits;
  unsigned long long rest = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
  do {
    digits[--at] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (number < 0)
    digits[--at] = '-';
  buffer_append(buffer, digits + at, sizeof digits - at);
}

void buffer_drop(test_buffer *buffer, size_t size) {
  buffer->size -= size;
  if (buffer->size > 0)
    memmove(buffer->data, buffer->data + size, buffer->size);
}

const char *buffer_string(test_buffer *buffer) {
  buffer_reserve(buffer, 1);
  buffer->data[buffer->size] = 0;
  return (const char *)buffer->data;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

/* 'text' with \\ \' \r \n \t; returns the index after the closing quote, 0 if there is none */
static size_t quoted_parse(test_buffer *buffer, const char *text, size_t size, size_t at) {
  for (at++; at < size && text[at] != '\''; at++) {
    char c = text[at];
    if (c == '\\') {
      if (++at == size)
        return 0;
      c = text[at] == 'r' ? '\r' : text[at] == 'n' ? '\n' : text[at] == 't' ? '\t' : text[at];
    }
    buffer_append(buffer, &c, 1);
  }
  return at < size ? at + 1 : 0;
}

bool bytes_parse(test_buffer *buffer, const char *text, size_t size) {
  if (size < 2 || text[0] != 'x' || text[1] != ':') {
    buffer_append(buffer, text, size);
    return true;
  }
  size_t at = 2;
  while (at < size) {
    if (text[at] == ' ') {
      at++;
      continue;
    }
    if (text[at] == '\'') {
      at = quoted_parse(buffer, text, size, at);
      if (at == 0)
        return false;
      continue;
    }
    int high = hex_digit(text[at]);
    int low = at + 1 < size ? hex_digit(text[at + 1]) : -1;
    if (high < 0 || low < 0)
      return false;
    uint8_t byte = (uint8_t)(high * 16 + low);
    at += 2;
    size_t times = 1;
    if (at < size && text[at] == '*') {
      times = 0;
      for (at++; at < size && text[at] >= '0' && text[at] <= '9'; at++)
        times = times * 10 + (size_t)(text[at] - '0');
    }
    buffer_reserve(buffer, times);
    if (times > 0)
      memset(buffer->data + buffer->size, byte, times);
    buffer->size += times;
  }
  return true;
}

static size_t run_at(const uint8_t *data, size_t size, size_t at) {
  size_t run = 1;
  while (at + run < size && data[at + run] == data[at])
    run++;
  return run;
}

static bool is_plain(const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((data[i] < 0x20 && data[i] != '\r' && data[i] != '\n' && data[i] != '\t') || data[i] > 0x7e ||
        run_at(data, size, i) >= SHORTEST_RUN)
      return false;
  return true;
}

static void show_text(test_buffer *buffer, const uint8_t *data, size_t size) {
  buffer_text(buffer, "'");
  for (size_t i = 0; i < size; i++) {
    switch (data[i]) {
    case '\r':
      buffer_text(buffer, "\\r");
      break;
    case '\n':
      buffer_text(buffer, "\\n");
      break;
    case '\t':
      buffer_text(buffer, "\\t");
      break;
    case '\\':
      buffer_text(buffer, "\\\\");
      break;
    case '\'':
      buffer_text(buffer, "\\'");
      break;
    default:
      buffer_append(buffer, data + i, 1);
    }
  }
  buffer_text(buffer, "'");
}

static void show_hex(test_buffer *buffer, uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  buffer_append(buffer, &digits[byte >> 4], 1);
  buffer_append(buffer, &digits[byte & 15], 1);
}

void bytes_show(test_buffer *buffer, const uint8_t *data, size_t size) {
  if (size <= SHOWN_AS_TEXT && is_plain(data, size)) {
    show_text(buffer, data, size);
    return;
  }
  buffer_text(buffer, "x:");
  bool apart = false;
  for (size_t at = 0; at < size;) {
    size_t run = run_at(data, size, at);
    bool as_run = run >= SHORTEST_RUN;
    if (at > 0 && (apart || as_run))
      buffer_text(buffer, " ");
    show_hex(buffer, data[at]);
    if (as_run) {
      buffer_text(buffer, "*");
      buffer_number(buffer, (long long)run);
      at += run;
    } else {
      at++;
    }
    apart = as_run;
  }
}
