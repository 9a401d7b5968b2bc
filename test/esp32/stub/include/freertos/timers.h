#pragma once
#include "freertos/FreeRTOS.h"
/* A timer that fires once. */
typedef struct StaticTimer {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  TickType_t period;
  void *id;
  void (*call)(struct StaticTimer *timer);
  bool started;
} StaticTimer_t, *TimerHandle_t;
TimerHandle_t xTimerCreateStatic(const char *name, TickType_t period, BaseType_t reload, void *id,
                                 void (*call)(TimerHandle_t timer), StaticTimer_t *timer);
void *pvTimerGetTimerID(TimerHandle_t timer);
BaseType_t xTimerStart(TimerHandle_t timer, TickType_t wait);
BaseType_t xTimerStartFromISR(TimerHandle_t timer, BaseType_t *switched);
