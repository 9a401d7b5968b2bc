/* timer.c: timers by number in a binary heap. */
#include "src/timer.h"

void twc_timers_init(tw_timers *timers, tw_arena *arena, uint32_t ids) {
  uint64_t *due = twc_arena_take(arena, ids, sizeof *due);
  uint32_t *heap = twc_arena_take(arena, ids, sizeof *heap);
  uint32_t *place = twc_arena_take(arena, ids, sizeof *place);
  if (place == NULL)
    return;
  *timers = (tw_timers){.heap = heap, .place = place, .due = due};
}

static void put(tw_timers *timers, uint32_t at, uint32_t id) {
  timers->heap[at] = id;
  timers->place[id] = at;
}

/* Moves the hole at `at` up or down until `id` may stand in it. */
static void settle(tw_timers *timers, uint32_t at, uint32_t id) {
  uint64_t due = timers->due[id];
  while (at > 0) {
    uint32_t parent = (at - 1) / 2;
    if (timers->due[timers->heap[parent]] <= due)
      break;
    put(timers, at, timers->heap[parent]);
    at = parent;
  }
  for (;;) {
    uint32_t child = 2 * at + 1;
    if (child >= timers->count)
      break;
    if (child + 1 < timers->count && timers->due[timers->heap[child + 1]] < timers->due[timers->heap[child]])
      child++;
    if (timers->due[timers->heap[child]] >= due)
      break;
    put(timers, at, timers->heap[child]);
    at = child;
  }
  put(timers, at, id);
}

void twc_timer_set(tw_timers *timers, uint32_t id, uint64_t due) {
  timers->due[id] = due;
  uint32_t at = timers->place[id];
  settle(timers, at == TW_TIMER_NONE ? timers->count++ : at, id);
}

void twc_timer_clear(tw_timers *timers, uint32_t id) {
  uint32_t at = timers->place[id];
  if (at == TW_TIMER_NONE)
    return;
  timers->place[id] = TW_TIMER_NONE;
  uint32_t last = timers->heap[--timers->count];
  if (last != id)
    settle(timers, at, last);
}

uint32_t twc_timer_pop(tw_timers *timers, uint64_t now) {
  if (timers->count == 0 || timers->due[timers->heap[0]] > now)
    return TW_TIMER_NONE;
  uint32_t id = timers->heap[0];
  twc_timer_clear(timers, id);
  return id;
}
