/* ops.h: what the files of operations share. */
#ifndef TEST_OPS_H
#define TEST_OPS_H

#include "session.h"

/* What an open call is given. */
typedef struct open_args {
  const char *text;
  size_t size;
  int32_t port;
  const char *proxy;
  size_t proxy_size;
  int32_t proxy_port;
  const char *credentials;
  size_t credentials_size;
} open_args;

typedef int32_t open_call(tw_core *core, const open_args *args);

/* Opens by `call` what becomes of `kind`; argument `error_index` is the error that is expected instead of a handle. */
int open_as(test_session *s, const test_step *step, tw_kind kind, open_call *call, const open_args *args,
            int error_index);

/* Compares a call's result as expect_result, and settles. */
int settled_result(test_session *s, const test_step *step, int index, int32_t got, long long otherwise);

/* Argument `index` is a text, the next one a port. */
bool text_and_port(test_session *s, const test_step *step, int index, open_args *args);

typedef struct flag_word {
  const char *word;
  uint32_t flags;
} flag_word;

/* Argument `index`: words of a table that a NULL ends, joined by '+'. */
bool arg_flags(test_session *s, const test_step *step, int index, const flag_word *words, uint32_t *flags);

#endif
