/* sim-c: lives of two cores on a simulated network.
 *
 *   sim-c [--seconds N]              fresh seeds, default: 60 seconds
 *   sim-c --from SEED --count N      these seeds
 *   sim-c --seed SEED                one life
 *   --steps N                        of each life, default: 20000
 *   --digest                         prints what each life came to, to compare builds
 *
 * Prints the steps a second. A violation ends it with a command that repeats it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

static double seconds(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int count, char **args) {
  static sim life;
  double most = 60;
  unsigned long long first = (unsigned long long)time(NULL) * 1000;
  unsigned long long lives = 0;
  unsigned long long steps = 20000;
  bool digest = false;
  for (int i = 1; i < count; i++) {
    const char *value = i + 1 < count ? args[i + 1] : "";
    if (strcmp(args[i], "--digest") == 0) {
      digest = true;
      continue;
    }
    if (strcmp(args[i], "--seconds") == 0) {
      most = strtod(value, NULL);
    } else if (strcmp(args[i], "--from") == 0) {
      first = strtoull(value, NULL, 10);
    } else if (strcmp(args[i], "--count") == 0) {
      lives = strtoull(value, NULL, 10);
    } else if (strcmp(args[i], "--steps") == 0) {
      steps = strtoull(value, NULL, 10);
    } else if (strcmp(args[i], "--seed") == 0) {
      first = strtoull(value, NULL, 10);
      lives = 1;
    } else {
      fprintf(stderr, "unknown option %s\n", args[i]);
      return 2;
    }
    i++;
  }
  double start = seconds();
  unsigned long long done = 0;
  unsigned long long total = 0;
  unsigned long long delivered = 0;
  while (lives > 0 ? done < lives : seconds() - start < most) {
    uint64_t result = sim_live(&life, first + done, steps);
    if (digest)
      printf("%llu %016llx\n", first + done, (unsigned long long)result);
    done++;
    total += life.steps;
    delivered += life.delivered;
  }
  if (!digest) {
    double took = seconds() - start;
    printf("%llu lives from seed %llu, %llu steps, %llu bytes received, %.1f s, %.0f steps a second\n", done, first,
           total, delivered, took, (double)total / (took > 0 ? took : 1));
    printf("1 passed, 0 failed\n");
  }
  return 0;
}
