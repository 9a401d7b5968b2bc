/* memory.h: where the memory of a core comes from. Files to choose from: memory_internal.c (the chip's own RAM, by the
 * heap), memory_psram.c (external RAM, by the heap), memory_static.c (an array). Taken at the start, given at the end.
 */
#ifndef TWINWIRE_ESP32_MEMORY_H
#define TWINWIRE_ESP32_MEMORY_H

#include <stddef.h>

enum { TW_ESP_ALIGN = 16 };

/* `size` bytes, aligned to TW_ESP_ALIGN, or NULL. One piece at a time. */
void *tw_esp_memory_take(size_t size);

void tw_esp_memory_give(void *memory);

/* As realloc (`size` 0 frees): memory that grows while twinwire runs, for tw_handles_host.resize. heap.c:
 * CONFIG_TWINWIRE_HEAP. heap_none.c: NULL, nothing is taken after the start. */
extern void *(*const tw_esp_heap_resize)(void *host, void *memory, size_t size);

#endif
