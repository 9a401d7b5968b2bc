/* json.h: reads vector files: the part of JSON that they use. */
#ifndef TEST_JSON_H
#define TEST_JSON_H

#include "leaf_steps.h"

/* A case: its name and its steps. Texts end with a NUL that their size does not count. */
typedef struct test_case {
  const char *name;
  int count;
  const test_step *steps;
} test_case;

/* Reads a whole vector file, {"suite", "source", "cases": [{"name", "steps": [[op, arg, ...], ...]}]}, and calls `each`
 * for every case. `text` (`size` bytes) is changed: texts are decoded in place. What `each` gets is borrowed for the
 * call. Returns NULL, or what is wrong with the file and then `*at` says where. */
const char *json_cases(char *text, size_t size, void (*each)(void *context, const test_case *one), void *context,
                       size_t *at);

#endif
