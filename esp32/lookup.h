/* lookup.h: asks for the address of a name without waiting for it. lwIP answers in its own thread, which leaves the
 * answer here and wakes the network task. A lookup cannot be called back: one that nobody wants any more keeps its
 * place until lwIP has answered or given up. */
#ifndef TWINWIRE_ESP32_LOOKUP_H
#define TWINWIRE_ESP32_LOOKUP_H

#include <stdatomic.h>
#include <stdint.h>

#include "lwip/ip_addr.h"
#include "wake.h"

enum { TW_ESP_LOOKUP_FREE, TW_ESP_LOOKUP_PENDING, TW_ESP_LOOKUP_FOUND, TW_ESP_LOOKUP_FAILED, TW_ESP_LOOKUP_UNWANTED };

/* Its memory has to outlive lwIP's answer: static, in practice. Zeroed at first. */
typedef struct tw_esp_lookup {
  _Atomic uint32_t state;
  ip_addr_t address;  /* written before state becomes FOUND */
  tw_esp_wake *waker; /* woken when the state has changed */
} tw_esp_lookup;

/* Starts to look up one address of `name`, of one of `versions` and preferably of `first` (TW_ESP_V4, TW_ESP_V6), in
 * one of `count` places. Returns the place, or TW_ERR_NAME_FAILED. */
int32_t tw_esp_lookup_start(tw_esp_lookup *lookups, uint32_t count, const char *name, uint32_t name_size,
                            uint32_t versions, uint32_t first, tw_esp_wake *waker);

/* Gives a place back, answered or not. */
void tw_esp_lookup_drop(tw_esp_lookup *lookup);

#endif
