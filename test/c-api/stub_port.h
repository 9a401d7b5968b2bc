#ifndef TEST_EASY_STUB_PORT_H
#define TEST_EASY_STUB_PORT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct stub_port {
  const uint8_t *arena;
  int32_t opened; /* the handle of the last open */
  int32_t refuse; /* what opens answer */
  uint32_t opens;
  bool stuck; /* writes take nothing */
  uint32_t written_size;
  uint8_t written[65536];
} stub_port;

extern stub_port stub;

#endif
