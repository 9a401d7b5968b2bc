/* check.h: checks, and a clock, for the test programs. A program ends with "N passed, M failed". */
#ifndef TW_TEST_CHECK_H
#define TW_TEST_CHECK_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "twinwire/conn.h"

static atomic_uint check_wrong;
static unsigned check_passed, check_failed;

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("line %d: %s\n", __LINE__, #condition);                                                                   \
      check_wrong++;                                                                                                   \
    }                                                                                                                  \
  } while (0)

/* An expression that returns a count or an error: prints the error if it is not what is expected. */
#define CHECK_IS(expected, expression)                                                                                 \
  do {                                                                                                                 \
    int32_t is_ = (expression);                                                                                        \
    if (is_ != (expected)) {                                                                                           \
      printf("line %d: %s is %d (%s), not %s\n", __LINE__, #expression, (int)is_, tw_error_name(is_), #expected);      \
      check_wrong++;                                                                                                   \
    }                                                                                                                  \
  } while (0)

/* Runs a test, a function without arguments, and counts it. */
#define RUN(test)                                                                                                      \
  do {                                                                                                                 \
    check_wrong = 0;                                                                                                   \
    test();                                                                                                            \
    if (check_wrong == 0) {                                                                                            \
      check_passed++;                                                                                                  \
    } else {                                                                                                           \
      printf("failed: %s\n", #test);                                                                                   \
      check_failed++;                                                                                                  \
    }                                                                                                                  \
  } while (0)

/* The value that main returns, behind the last RUN. */
static inline int check_end(void) {
  printf("%u passed, %u failed\n", check_passed, check_failed);
  return check_failed == 0 ? 0 : 1;
}

/* A clock that never goes back. */
static inline double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline double milliseconds(void) { return seconds() * 1e3; }

#endif
