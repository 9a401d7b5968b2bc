/* arena.h: lays the core's parts out in the host's one block of memory. Measuring (base NULL) and placing are the same
 * walk, so twc_need and twc_init cannot disagree. */
#ifndef TW_ARENA_H
#define TW_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { TW_ARENA_ALIGN = 16 };

typedef struct tw_arena {
  uint8_t *base;
  uint64_t used; /* 64 bits: the sum of all limits may exceed 32 and must be seen to */
} tw_arena;

/* Takes `count` items of `size` bytes. NULL while measuring. */
static inline void *twc_arena_take(tw_arena *arena, uint64_t count, uint64_t size) {
  uint64_t at = (arena->used + (TW_ARENA_ALIGN - 1)) & ~(uint64_t)(TW_ARENA_ALIGN - 1);
  arena->used = at + count * size;
  return arena->base == NULL ? NULL : arena->base + at;
}

#endif
