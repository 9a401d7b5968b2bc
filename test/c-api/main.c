/* The handle API in C, on a port that is none. Ends with "N passed, M failed". */
#include <stdio.h>

#include "fixture.h"

static unsigned passed, failed;

void run(void (*test)(void)) {
  test();
  if (wrong_checks() == 0)
    passed++;
  else
    failed++;
}

/* The host's part of runtime.c; no test runs the loop by it. */
int32_t tw_poll(uint32_t ms) {
  (void)ms;
  return tw_handles_refuse(TW_ERR_STATE);
}

int main(void) {
  limits = (tw_limits)TW_LIMITS_ESP32;
  options = (tw_handles_options){.listeners = 24};
  listener_tests();
  connection_tests();
  message_tests();
  deflate_send_tests();
  deflate_receive_tests();
  disorder_tests();
  printf("%u passed, %u failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
