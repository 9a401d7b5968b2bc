/* fuzz_main ROUNDS [SEED]: drives the fuzz target with a fixed generator, for machines without libFuzzer and for tests
 * that must do the same every time. Prints "1 passed, 0 failed" when every round passed; a broken rule aborts. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* xorshift64*: small, and the same everywhere. */
static uint64_t next(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1Dull;
}

int main(int count, char **args) {
  static uint8_t data[MOST];
  long rounds = count > 1 ? strtol(args[1], NULL, 10) : 1000;
  uint64_t state = count > 2 ? strtoull(args[2], NULL, 10) : 1;
  for (long round = 0; round < rounds; round++) {
    size_t size = next(&state) % MOST;
    for (size_t i = 0; i < size; i++)
      data[i] = (uint8_t)(next(&state) >> 56);
    LLVMFuzzerTestOneInput(data, size);
  }
  printf("core fuzz: %ld rounds\n1 passed, 0 failed\n", rounds);
  return 0;
}
