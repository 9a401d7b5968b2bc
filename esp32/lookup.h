/* lookup.h: asking for the address of a name without waiting for it. lwIP answers in its own thread, so an answer is
 * left here and the network task comes to look. A lookup cannot be called back: one that nobody wants any more keeps
 * its place until lwIP has answered or given up. */
#ifndef TWINWIRE_ESP32_LOOKUP_H
#define TWINWIRE_ESP32_LOOKUP_H

#include <stdatomic.h>
#include <stdint.h>

#include "lwip/ip_addr.h"

enum { TW_LOOKUP_FREE, TW_LOOKUP_PENDING, TW_LOOKUP_FOUND, TW_LOOKUP_FAILED, TW_LOOKUP_UNWANTED };

/* Its memory has to outlive lwIP's answer: static, in practice. Zeroed at first. */
typedef struct tw_lookup {
  _Atomic uint32_t state;
  ip_addr_t address; /* written before state becomes FOUND */
} tw_lookup;

/* Starts to look `name` up in one of `count` places. Returns the place, or TW_ERR_NAME_FAILED. */
int32_t tw_lookup_start(tw_lookup *lookups, uint32_t count, const char *name, uint32_t name_size);

/* Gives a place back, answered or not. */
void tw_lookup_drop(tw_lookup *lookup);

#endif
