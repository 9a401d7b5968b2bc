/* log.h: lines that a run leaves behind, to be compared with those that a vector expects. */
#ifndef TEST_LOG_H
#define TEST_LOG_H

#include "buffer.h"
#include "leaf_steps.h"

/* All zero is an empty log. */
typedef struct test_log {
  test_buffer lines; /* each ended by \n */
  test_buffer bytes; /* of the line that is still open */
  char prefix[64];   /* of the line that is still open, or empty */
} test_log;

void log_free(test_log *log);
void log_clear(test_log *log);

/* Adds a line, printf style; at most 400 bytes. */
void log_line(test_log *log, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/* Adds the line "prefix bytes". If the last line has the same prefix and was added by this function, its bytes grow
 * instead. */
void log_join(test_log *log, const char *prefix, const void *data, size_t size);

/* Adds the line "prefix bytes". */
void log_bytes(test_log *log, const char *prefix, const void *data, size_t size);

/* Ends the line that log_join left open. */
void log_end(test_log *log);

/* Compares the lines with the arguments of `step` from 1 on, then forgets them. An expected line that ends in " *"
 * matches any line that begins as it does. On failure appends both, side by side, to `why`. */
bool log_expect(test_log *log, const test_step *step, test_buffer *why);

#endif
