/* heap.c: takes memory from the heap while twinwire runs. See memory.h. */
#include "esp_heap_caps.h"
#include "memory.h"

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  if (size > 0)
    return heap_caps_realloc(memory, size, MALLOC_CAP_8BIT);
  heap_caps_free(memory);
  return NULL;
}

void *(*const tw_esp_heap_resize)(void *host, void *memory, size_t size) = resize;
