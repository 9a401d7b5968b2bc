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
void *twc_arena_take(tw_arena *arena, uint32_t count, uint32_t size);

#endif
