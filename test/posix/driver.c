/* driver: the handle API of the POSIX host, driven by lines on stdin, so that a test can put it beside any peer.
 *
 * Each line is a call, and is answered by "= result" or "= -1 ERR_...". Events are lines of their own: "event handle
 * ...". A reader thread hands the lines over and wakes the loop, as an application's other threads would.
 *
 * This file hands the lines over; driver/ has the calls, their options, and the listeners. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/driver.h"

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t taken;
  char line[MAX_LINE];
  bool full;
  bool ended;
} input = {.mutex = PTHREAD_MUTEX_INITIALIZER, .taken = PTHREAD_COND_INITIALIZER};

static void *read_lines(void *unused) {
  (void)unused;
  static char line[MAX_LINE];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    pthread_mutex_lock(&input.mutex);
    while (input.full)
      pthread_cond_wait(&input.taken, &input.mutex);
    memcpy(input.line, line, sizeof line);
    input.full = true;
    pthread_mutex_unlock(&input.mutex);
    tw_posix_wake();
  }
  pthread_mutex_lock(&input.mutex);
  while (input.full)
    pthread_cond_wait(&input.taken, &input.mutex);
  input.ended = true;
  pthread_mutex_unlock(&input.mutex);
  tw_posix_wake();
  return NULL;
}

/* Runs the line that has come, if one has. Returns false at the end of all lines. */
static bool take_line(void) {
  static char line[MAX_LINE];
  pthread_mutex_lock(&input.mutex);
  bool full = input.full;
  bool ended = input.ended;
  if (full)
    memcpy(line, input.line, sizeof line);
  input.full = false;
  pthread_cond_signal(&input.taken);
  pthread_mutex_unlock(&input.mutex);
  if (full)
    run_line(line);
  return !ended;
}

static void set_limit(tw_limits *limits, const char *argument) {
  const char *value;
#define LIMIT(field, host, esp32, min, max)                                                                            \
  if (has_prefix(argument, #field "=", &value))                                                                        \
    limits->field = (uint32_t)strtoul(value, NULL, 10);
  TW_LIMITS_LIST(LIMIT)
#undef LIMIT
}

int main(int argc, char **argv) {
  tw_limits limits = TW_LIMITS_HOST;
  tw_posix_options options = {.limits = &limits};
  for (int i = 1; i < argc; i++) {
    const char *value;
    set_limit(&limits, argv[i]);
    if (has_prefix(argv[i], "keepalive=", &value))
      options.keep_alive_s = (uint32_t)strtoul(value, NULL, 10);
    if (has_prefix(argv[i], "shown=", &value))
      shown = (uint32_t)strtoul(value, NULL, 10);
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (tw_posix_start(&options) < 0) {
    printf("not started: %s\n", tw_error_name(tw_last_error()));
    return 1;
  }
  pthread_t reader;
  pthread_create(&reader, NULL, read_lines, NULL);
  printf("ready\n");
  while (take_line())
    if (tw_poll(TW_FOREVER) < 0)
      return 2;
  pthread_join(reader, NULL);
  tw_posix_stop();
  printf("stopped\n");
  return 0;
}
