/* timers.c: see timers.h. A binary heap whose entries know their places. */
#include "timers.h"

#include "memory.h"

#include <stdlib.h>

enum { FIRST_ROOM = 64 };

static void put(tw_timers *timers, uint32_t place, tw_timer *timer) {
  timers->heap[place - 1] = timer;
  timer->place = place;
}

static tw_timer *at(const tw_timers *timers, uint32_t place) { return timers->heap[place - 1]; }

static void rise(tw_timers *timers, tw_timer *timer) {
  uint32_t place = timer->place;
  for (; place > 1 && at(timers, place / 2)->at > timer->at; place /= 2)
    put(timers, place, at(timers, place / 2));
  put(timers, place, timer);
}

static void sink(tw_timers *timers, tw_timer *timer) {
  uint32_t place = timer->place;
  for (;;) {
    uint32_t child = place * 2;
    if (child > timers->count)
      break;
    if (child < timers->count && at(timers, child + 1)->at < at(timers, child)->at)
      child++;
    if (at(timers, child)->at >= timer->at)
      break;
    put(timers, place, at(timers, child));
    place = child;
  }
  put(timers, place, timer);
}

static bool grow(tw_timers *timers) {
  uint32_t room = timers->room == 0 ? FIRST_ROOM : timers->room * 2;
  tw_timer **heap = tw_posix_resize(timers->heap, room * sizeof(tw_timer *));
  if (heap == NULL)
    return false;
  timers->heap = heap;
  timers->room = room;
  return true;
}

bool tw_timer_arm(tw_timers *timers, tw_timer *timer, uint64_t when, void (*fire)(tw_timer *timer)) {
  tw_timer_disarm(timers, timer);
  if (timers->count == timers->room && !grow(timers))
    return false;
  timer->at = when;
  timer->fire = fire;
  put(timers, ++timers->count, timer);
  rise(timers, timer);
  return true;
}

void tw_timer_disarm(tw_timers *timers, tw_timer *timer) {
  uint32_t place = timer->place;
  if (place == 0)
    return;
  timer->place = 0;
  tw_timer *last = at(timers, timers->count--);
  if (last == timer)
    return;
  put(timers, place, last);
  sink(timers, last);
  rise(timers, last);
}

void tw_timers_fire(tw_timers *timers, uint64_t now) {
  for (uint32_t most = timers->count; most > 0 && timers->count > 0 && at(timers, 1)->at <= now; most--) {
    tw_timer *due = at(timers, 1);
    tw_timer_disarm(timers, due);
    due->fire(due);
  }
}

uint64_t tw_timers_next(const tw_timers *timers) { return timers->count == 0 ? UINT64_MAX : at(timers, 1)->at; }

void tw_timers_free(tw_timers *timers) {
  tw_posix_free(timers->heap);
  *timers = (tw_timers){0};
}
