/* memory_static.c: the core in a static array. See memory.h. */
#include <stdint.h>

#include "esp_log.h"
#include "memory.h"
#include "sdkconfig.h"

static _Alignas(TW_ESP_ALIGN) uint8_t memory[CONFIG_TWINWIRE_STATIC_BYTES];

void *tw_esp_memory_take(size_t size) {
  if (size <= sizeof memory)
    return memory;
  ESP_LOGE("twinwire", "CONFIG_TWINWIRE_STATIC_BYTES is %u, but these limits need %u", (unsigned)sizeof memory,
           (unsigned)size);
  return NULL;
}

void tw_esp_memory_give(void *given) { (void)given; }
