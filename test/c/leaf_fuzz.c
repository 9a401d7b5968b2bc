/* leaf_fuzz.c: the entry point for clang's libFuzzer: -fsanitize=fuzzer,address,undefined. */
#include <stdio.h>
#include <stdlib.h>

#include "leaf_steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char why[1024];
  if (leaf_check(data, size, why, sizeof why) != 1) {
    fputs(why, stderr);
    abort();
  }
  return 0;
}
