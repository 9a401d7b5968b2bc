/* heap_none.c: the heap is left alone after the start. See memory.h. */
#include "memory.h"

void *(*const tw_esp_heap_resize)(void *host, void *memory, size_t size) = NULL;
