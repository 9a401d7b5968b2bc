/* arena.h: lays the core's parts out in the host's one block of memory. Measuring (base NULL) and placing are the same
 * walk, so twc_need and twc_init cannot disagree. */
#ifndef TW_ARENA_H
#define TW_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum { TW_ARENA_ALIGN = 16 };

typedef struct tw_arena {
  uint8_t *base;
  uint32_t used; /* the largest limits together take less than 2 GiB */
} tw_arena;

/* Takes `count` items of `size` bytes. NULL while measuring. */
void *twc_arena_take(tw_arena *arena, uint32_t count, uint32_t size);

#endif
