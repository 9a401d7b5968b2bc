#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef uint32_t TickType_t;
typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint8_t StackType_t;
#define pdTRUE 1
#define pdFALSE 0
#define pdPASS pdTRUE
#define portMAX_DELAY UINT32_MAX
#define configTICK_RATE_HZ 100
#define pdMS_TO_TICKS(ms) ((TickType_t)((uint64_t)(ms) * configTICK_RATE_HZ / 1000u))
/* A queue of `places` items; a semaphore is one of items without size, as in FreeRTOS. */
typedef struct StaticQueue {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  uint8_t *items;
  size_t item_size;
  unsigned places, first, count;
} StaticQueue_t, StaticSemaphore_t, *QueueHandle_t, *SemaphoreHandle_t;
#define portNUM_PROCESSORS 2
#define portYIELD_FROM_ISR(...) ((void)0)
/* Whether the calling thread stands for an interrupt: stub_isr. */
BaseType_t xPortInIsrContext(void);
