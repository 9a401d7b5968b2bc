/* clock_linux.c: the clock of ESP-IDF's target linux. See clock.h. */
#include <time.h>

#include "clock.h"

uint32_t tw_esp_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}
