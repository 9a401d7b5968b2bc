/* check.h: checks for the test programs of the calls that wait. A program ends with "N passed, M failed". */
#ifndef TW_TEST_CHECK_H
#define TW_TEST_CHECK_H

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

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

/* An expression that returns a count or an error: shows the error if it is not what is expected. */
#define CHECK_IS(expected, expression)                                                                                 \
  do {                                                                                                                 \
    int32_t is_ = (expression);                                                                                        \
    if (is_ != (expected)) {                                                                                           \
      printf("line %d: %s is %d (%s), not %s\n", __LINE__, #expression, (int)is_, tw_error_name(is_), #expected);      \
      check_wrong++;                                                                                                   \
    }                                                                                                                  \
  } while (0)

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

static inline int check_end(void) {
  printf("%u passed, %u failed\n", check_passed, check_failed);
  return check_failed == 0 ? 0 : 1;
}

#endif
