#ifndef TEST_ESP32_CC_H
#define TEST_ESP32_CC_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned test_lwip_random(void);

#define LWIP_RAND() test_lwip_random()
#define LWIP_PLATFORM_DIAG(x)                                                                                          \
  do {                                                                                                                 \
    printf x;                                                                                                          \
  } while (0)
#define LWIP_PLATFORM_ASSERT(x)                                                                                        \
  do {                                                                                                                 \
    fprintf(stderr, "lwIP: %s at %s:%d\n", x, __FILE__, __LINE__);                                                     \
    abort();                                                                                                           \
  } while (0)

#endif
