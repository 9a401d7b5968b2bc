/* memory_psram.c: the core in external RAM, from the heap. See memory.h. */
#include "esp_heap_caps.h"
#include "memory.h"

void *tw_esp_memory_take(size_t size) {
  return heap_caps_aligned_alloc(TW_ESP_ALIGN, size, MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
}

void tw_esp_memory_give(void *memory) { heap_caps_free(memory); }
