#ifndef TEST_ESP32_CC_H
#define TEST_ESP32_CC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned test_lwip_random(void);

/* Not 0 while a peer of the tests closes its listener. lwIP 2.1.3 asserts that no connection is in its queue, which
 * only the component sees to (socket_lwip.c). */
extern volatile int test_lwip_closes_listener;

#define LWIP_RAND() test_lwip_random()
#define LWIP_PLATFORM_DIAG(x)                                                                                          \
  do {                                                                                                                 \
    printf x;                                                                                                          \
  } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                                                                        \
  do {                                                                                                                 \
    if (test_lwip_closes_listener != 0 && strcmp(x, "netconn marked closed") == 0)                                     \
      break;                                                                                                           \
    fprintf(stderr, "lwIP: %s at %s:%d\n", x, __FILE__, __LINE__);                                                     \
    abort();                                                                                                           \
  } while (0)

#endif
