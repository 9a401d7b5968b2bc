/* timers.h: what is due at a time, in a heap: arming and disarming cost the logarithm of what is armed. */
#ifndef TW_POSIX_TIMERS_H
#define TW_POSIX_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

/* Lies in the object that it belongs to, at the same address while it is armed. All zero: not armed. */
typedef struct tw_timer {
  uint64_t at;    /* milliseconds of the loop's clock */
  uint32_t place; /* in the heap, counted from 1; 0: not armed */
  void (*fire)(struct tw_timer *timer);
} tw_timer;

typedef struct tw_timers {
  tw_timer **heap;
  uint32_t count;
  uint32_t room;
} tw_timers;

/* Arms, or arms again. false: no memory, and it is not armed. */
bool tw_timer_arm(tw_timers *timers, tw_timer *timer, uint64_t at, void (*fire)(tw_timer *timer));
void tw_timer_disarm(tw_timers *timers, tw_timer *timer);

/* Disarms what is due at `now` and calls its `fire`, which may arm and disarm. What is armed meanwhile waits for the
 * next call. */
void tw_timers_fire(tw_timers *timers, uint64_t now);

/* When the next one is due; UINT64_MAX: none is armed. */
uint64_t tw_timers_next(const tw_timers *timers);
void tw_timers_free(tw_timers *timers);

#endif
