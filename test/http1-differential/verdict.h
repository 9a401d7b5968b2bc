/* verdict.h: what a parser makes of one HTTP message. */
#ifndef TEST_VERDICT_H
#define TEST_VERDICT_H

#include "buffer.h"

typedef enum verdict_kind { VERDICT_WAITS, VERDICT_TAKES, VERDICT_REFUSES } verdict_kind;

typedef struct test_verdict {
  verdict_kind kind;
  size_t end;       /* bytes of the message that it takes */
  test_buffer body; /* what it takes for the body */
  bool keep_alive;
  bool upgrade; /* no HTTP follows: nothing is kept alive */
  char why[80]; /* it refuses, or what kind of message it is */
} test_verdict;

typedef struct test_sample {
  const uint8_t *data;
  size_t size;
  uint32_t read; /* twc_http_read */
} test_sample;

/* This parser, and llhttp. `verdict` holds a buffer to be used again. */
void judge_ours(const test_sample *sample, test_verdict *verdict);
void judge_llhttp(const test_sample *sample, test_verdict *verdict);

#endif
