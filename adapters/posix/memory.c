/* memory.c: see memory.h. */
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "twinwire/tw_posix.h"

enum { ALIGN = 16 };

static void *(*allocator)(void *memory, size_t size);

void tw_posix_set_allocator(void *(*resize)(void *memory, size_t size)) { allocator = resize; }

void *tw_posix_resize(void *memory, size_t size) {
  if (allocator != NULL)
    return memory == NULL && size == 0 ? NULL : allocator(memory, size);
  if (size > 0)
    return realloc(memory, size);
  free(memory);
  return NULL;
}

void tw_posix_free(void *memory) { tw_posix_resize(memory, 0); }

void *tw_posix_zeroed(size_t count, size_t size) {
  if (allocator == NULL)
    return calloc(count, size);
  if (size > 0 && count > SIZE_MAX / size)
    return NULL;
  void *memory = allocator(NULL, count * size);
  return memory == NULL ? NULL : memset(memory, 0, count * size);
}

void *tw_posix_aligned(size_t size) {
  if (allocator == NULL)
    return aligned_alloc(ALIGN, (size + ALIGN - 1) / ALIGN * ALIGN);
  return allocator(NULL, size);
}
