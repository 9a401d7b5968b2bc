/* schedule.h: which call of the system fails, and how: decided by a seed, so that a failing run can be repeated. It
 * knows no system: a harness wraps the calls of its own (sockets of POSIX, of lwIP) and asks for each. */
#ifndef TEST_FAULTS_SCHEDULE_H
#define TEST_FAULTS_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

typedef struct fault_schedule {
  uint32_t state;    /* of the generator; the seed at first, not 0 */
  uint32_t one_in;   /* calls of which one fails; 0: none does */
  uint32_t injected; /* faults so far */
} fault_schedule;

/* xorshift32 */
static inline uint32_t fault_random(fault_schedule *it) {
  it->state ^= it->state << 13;
  it->state ^= it->state >> 17;
  it->state ^= it->state << 5;
  return it->state;
}

/* Returns 0, or the one of `count` error numbers with which this call is to fail. */
static inline int fault_number(fault_schedule *it, const int *numbers, size_t count) {
  if (it->one_in == 0 || fault_random(it) % it->one_in != 0)
    return 0;
  it->injected++;
  return numbers[fault_random(it) % count];
}

/* Returns how many of `size` bytes a call is to take: all of them, or now and then fewer, but at least one. */
static inline size_t fault_partial(fault_schedule *it, size_t size) {
  if (it->one_in == 0 || size < 2 || fault_random(it) % 4 != 0)
    return size;
  return 1 + fault_random(it) % (size - 1);
}

#endif
