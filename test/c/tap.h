/* tap.h: a digest of all that passes the core interface while a case runs: events, imports, the results of calls.
 * Targets that behave the same to the byte have the same. cli/conformance/tap.ts makes it in the same way. */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_tap {
  uint32_t digest[2];
  bool shown; /* prints what is delivered to it, to find out where two targets part */
} test_tap;

/* Begins the digest of a case. */
void tap_start(test_tap *tap);

/* Adds what happened, its numbers and its bytes. `size` is at most 1 GiB. */
void tap_add(test_tap *tap, const char *what, const uint32_t *numbers, size_t count, const void *data, size_t size);

#endif
