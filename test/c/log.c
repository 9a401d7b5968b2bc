/* log.c: lines that a run leaves behind. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void log_free(test_log *log) {
  buffer_free(&log->lines);
  buffer_free(&log->bytes);
}

void log_clear(test_log *log) {
  buffer_clear(&log->lines);
  buffer_clear(&log->bytes);
  log->prefix[0] = '\0';
}

void log_end(test_log *log) {
  if (log->prefix[0] == '\0')
    return;
  char prefix[sizeof log->prefix];
  memcpy(prefix, log->prefix, sizeof prefix);
  log->prefix[0] = '\0';
  log_bytes(log, prefix, log->bytes.data, log->bytes.size);
  buffer_clear(&log->bytes);
}

void log_line(test_log *log, const char *format, ...) {
  char line[400];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  log_end(log);
  buffer_text(&log->lines, line);
  buffer_text(&log->lines, "\n");
}

void log_bytes(test_log *log, const char *prefix, const void *data, size_t size) {
  log_end(log);
  buffer_text(&log->lines, prefix);
  buffer_text(&log->lines, " ");
  bytes_show(&log->lines, data, size);
  buffer_text(&log->lines, "\n");
}

void log_join(test_log *log, const char *prefix, const void *data, size_t size) {
  if (strcmp(log->prefix, prefix) != 0) {
    log_end(log);
    snprintf(log->prefix, sizeof log->prefix, "%s", prefix);
  }
  buffer_append(&log->bytes, data, size);
}

static bool line_matches(const char *line, size_t size, const char *expected, size_t expected_size) {
  if (expected_size >= 2 && memcmp(expected + expected_size - 2, " *", 2) == 0)
    return size >= expected_size - 2 && memcmp(line, expected, expected_size - 2) == 0;
  return size == expected_size && memcmp(line, expected, size) == 0;
}

static void explain(const test_log *log, const test_step *step, test_buffer *why) {
  buffer_text(why, "\n      expected:\n");
  for (int i = 1; i < step->count; i++) {
    buffer_text(why, "        ");
    buffer_append(why, step->text[i], step->size[i]);
    buffer_text(why, "\n");
  }
  buffer_text(why, "      got:\n");
  const char *line = (const char *)log->lines.data;
  const char *end = line + log->lines.size;
  while (line < end) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    buffer_text(why, "        ");
    buffer_append(why, line, (size_t)(stop + 1 - line));
    line = stop + 1;
  }
}

bool log_expect(test_log *log, const test_step *step, test_buffer *why) {
  log_end(log);
  size_t at = 0;
  int expected = 1;
  bool same = true;
  while (same && at < log->lines.size) {
    const char *line = (const char *)log->lines.data + at;
    size_t size = (size_t)((const char *)memchr(line, '\n', log->lines.size - at) - line);
    same = expected < step->count && step->text[expected] != NULL &&
           line_matches(line, size, step->text[expected], step->size[expected]);
    expected++;
    at += size + 1;
  }
  same = same && expected == step->count;
  if (!same)
    explain(log, step, why);
  log_clear(log);
  return same;
}
