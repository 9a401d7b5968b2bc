/* timer.h: timers by number in a binary heap. Setting, clearing and firing cost O(log n); an idle slot costs nothing.
 */
#ifndef TW_TIMER_H
#define TW_TIMER_H

#include <stdint.h>

#include "src/arena.h"

#define TW_TIMER_NONE UINT32_MAX

typedef struct tw_timers {
  uint32_t *heap;  /* ids, the earliest first */
  uint32_t *place; /* id -> position in heap, or TW_TIMER_NONE */
  uint64_t *due;   /* id -> time in ms */
  uint32_t count;
} tw_timers;

/* Lays out `ids` timers. They are not written: room for many costs nothing. */
void twc_timers_init(tw_timers *timers, tw_arena *arena, uint32_t ids);

/* Makes a timer one that is not set. Called before its first use. */
static inline void twc_timer_admit(tw_timers *timers, uint32_t id) { timers->place[id] = TW_TIMER_NONE; }

/* Sets or moves the timer of `id`. */
void twc_timer_set(tw_timers *timers, uint32_t id, uint64_t due);

/* Clears it; nothing happens if it is not set. */
void twc_timer_clear(tw_timers *timers, uint32_t id);

/* Whether it is set. */
static inline int twc_timer_is_set(const tw_timers *timers, uint32_t id) { return timers->place[id] != TW_TIMER_NONE; }

/* Removes and returns the earliest id that is due at `now`, or TW_TIMER_NONE. */
uint32_t twc_timer_pop(tw_timers *timers, uint64_t now);

#endif
