/* buffer.h: bytes that grow, and the two ways in which vectors write bytes down. */
#ifndef TEST_BUFFER_H
#define TEST_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owns `data`; all zero is an empty buffer. */
typedef struct test_buffer {
  uint8_t *data;
  size_t size;
  size_t capacity;
} test_buffer;

void buffer_free(test_buffer *buffer);
void buffer_clear(test_buffer *buffer);
void buffer_append(test_buffer *buffer, const void *data, size_t size);
void buffer_text(test_buffer *buffer, const char *text);
void buffer_number(test_buffer *buffer, long long number);

/* Drops the first `size` bytes. */
void buffer_drop(test_buffer *buffer, size_t size);

/* The text with a final NUL that is not counted in size. Borrowed until the buffer changes. */
const char *buffer_string(test_buffer *buffer);

/* Appends the bytes that a vector's argument stands for. "x:8105 'Hello' 61*128" is hex with quoted text and runs; any
 * other text stands for its own UTF-8. False if what follows "x:" is malformed. */
bool bytes_parse(test_buffer *buffer, const char *text, size_t size);

/* Appends bytes as logs show them: 'text' if they are at most 300, all printable ASCII (or CR, LF, TAB, as \r \n \t)
 * and without a run of 8 equal ones; else hex, with each such run as one: x:8105 61*128 */
void bytes_show(test_buffer *buffer, const uint8_t *data, size_t size);

#endif
