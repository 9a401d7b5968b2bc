/* main.c: runs the tests, and ends with "N passed, M failed". */
#include <stdio.h>

#include "calls.h"

int main(void) {
  static void (*const tests[])(void) = {
      test_init,        test_arguments, test_texts,          test_names,     test_hosts,         test_headers,
      test_credentials, test_judge,     test_deflate_offers, test_no_offer,  test_accept,        test_answers,
      test_full_memory, test_full_pool, test_full_tables,    test_broadcast, test_listener_gone, test_datagrams,
      test_faults,      test_close,     test_longest_wait,
  };
  const unsigned count = sizeof tests / sizeof *tests;
  unsigned failed = 0;
  for (unsigned i = 0; i < count; i++) {
    tests[i]();
    failed += take_failures() > 0;
  }
  printf("%u passed, %u failed\n", count - failed, failed);
  return failed == 0 ? 0 : 1;
}
