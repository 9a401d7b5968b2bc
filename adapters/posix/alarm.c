/* alarm.c: timers of the application. */
#include <stddef.h>

#include "posix.h"

enum { MAX_MS = 0x7fffffff };

typedef struct tw_alarm {
  tw_timer timer; /* first */
  int32_t id;
  uint32_t every_ms; /* 0: once */
  void (*run)(void *ctx);
  void *ctx;
  struct tw_alarm *next;
} tw_alarm;

static void take_out(tw_alarm *alarm) {
  for (tw_alarm **link = &tw_host.alarms; *link != NULL; link = &(*link)->next)
    if (*link == alarm) {
      *link = alarm->next;
      break;
    }
  tw_timer_disarm(&tw_host.timers, &alarm->timer);
  tw_posix_free(alarm);
}

/* `run` may clear this timer and others: nothing is read of it afterwards. */
static void fire(tw_timer *timer) {
  tw_alarm *alarm = (tw_alarm *)timer;
  void (*run)(void *ctx) = alarm->run;
  void *ctx = alarm->ctx;
  if (alarm->every_ms == 0)
    take_out(alarm);
  else
    tw_timer_arm(&tw_host.timers, timer, tw_posix_clock() + alarm->every_ms, fire);
  run(ctx);
  tw_handles_tick(tw_host.handles); /* emits what its calls have made ready, before the next delivery */
}

int32_t tw_posix_set_timer(uint32_t ms, uint32_t every_ms, void (*run)(void *ctx), void *ctx) {
  if (!tw_host.started)
    return tw_handles_refuse(TW_ERR_STATE);
  if (run == NULL || ms > MAX_MS || every_ms > MAX_MS)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  tw_alarm *alarm = tw_posix_zeroed(1, sizeof *alarm);
  if (alarm == NULL)
    return tw_handles_refuse(TW_ERR_MEMORY);
  if (!tw_timer_arm(&tw_host.timers, &alarm->timer, tw_posix_clock() + ms, fire)) {
    tw_posix_free(alarm);
    return tw_handles_refuse(TW_ERR_MEMORY);
  }
  tw_host.last_alarm = tw_host.last_alarm == INT32_MAX ? 1 : tw_host.last_alarm + 1;
  alarm->id = tw_host.last_alarm;
  alarm->every_ms = every_ms;
  alarm->run = run;
  alarm->ctx = ctx;
  alarm->next = tw_host.alarms;
  tw_host.alarms = alarm;
  return alarm->id;
}

int32_t tw_posix_clear_timer(int32_t timer) {
  for (tw_alarm *alarm = tw_host.alarms; alarm != NULL; alarm = alarm->next)
    if (alarm->id == timer) {
      take_out(alarm);
      return 0;
    }
  return tw_handles_refuse(TW_ERR_HANDLE);
}

void tw_posix_alarms_stop(void) {
  while (tw_host.alarms != NULL)
    take_out(tw_host.alarms);
}
