/* arena.c: laying the core's parts out in one block of memory. */
#include "src/arena.h"

void *twc_arena_take(tw_arena *arena, uint32_t count, uint32_t size) {
  uint32_t at = (arena->used + (TW_ARENA_ALIGN - 1)) & ~(uint32_t)(TW_ARENA_ALIGN - 1);
  arena->used = at + count * size;
  return arena->base == NULL ? NULL : arena->base + at;
}
