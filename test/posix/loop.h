/* loop.h: what the test programs of net.h and ws.h have in common: they run the loop themselves. */
#ifndef TW_TEST_LOOP_H
#define TW_TEST_LOOP_H

#include <stdlib.h>

#include "check.h"
#include "twinwire/tw_posix.h"

/* Runs the loop until a number is `wanted`, for 30 s at most; returns whether it is. */
static inline bool until(const int *number, int wanted) {
  for (double end = seconds() + 30; *number < wanted && seconds() < end;)
    tw_poll(10);
  return *number >= wanted;
}

static inline void run_for(double ms) {
  for (double end = milliseconds() + ms; milliseconds() < end;)
    tw_poll(10);
}

/* The port that a socket is bound to; -1: none. */
static inline int32_t port_of(int32_t sock) {
  char address[TW_MAX_ADDRESS + 1];
  tw_net_local_addr(sock, address, sizeof address);
  const char *colon = strrchr(address, ':');
  return colon == NULL ? -1 : (int32_t)strtol(colon + 1, NULL, 10);
}

#endif
