/* freertos.c: tasks, queues, semaphores and notifications, on pthreads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

enum { NS_PER_TICK = 1000000000 / configTICK_RATE_HZ };

static struct timespec after(TickType_t ticks) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  uint64_t ns = (uint64_t)at.tv_nsec + (uint64_t)ticks * NS_PER_TICK;
  at.tv_sec += (time_t)(ns / 1000000000u);
  at.tv_nsec = (long)(ns % 1000000000u);
  return at;
}

/* ---- Queues ---- */

static void open_queue(StaticQueue_t *queue, unsigned places, size_t item_size, uint8_t *items) {
  pthread_condattr_t attributes;
  memset(queue, 0, sizeof *queue);
  queue->places = places;
  queue->item_size = item_size;
  queue->items = items;
  pthread_mutex_init(&queue->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&queue->changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* Waits until the queue holds between `least` and `most` items; it is locked then. */
static bool wait_for_count(StaticQueue_t *queue, unsigned least, unsigned most, TickType_t wait) {
  struct timespec end = after(wait == portMAX_DELAY ? 0 : wait);
  pthread_mutex_lock(&queue->lock);
  while (queue->count < least || queue->count > most) {
    if (wait == portMAX_DELAY)
      pthread_cond_wait(&queue->changed, &queue->lock);
    else if (wait == 0 || pthread_cond_timedwait(&queue->changed, &queue->lock, &end) == ETIMEDOUT)
      break;
  }
  return queue->count >= least && queue->count <= most;
}

QueueHandle_t xQueueCreateStatic(UBaseType_t places, UBaseType_t item_size, uint8_t *items, StaticQueue_t *queue) {
  open_queue(queue, places, item_size, items);
  return queue;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t wait) {
  bool room = wait_for_count(queue, 0, queue->places - 1, wait);
  if (room) {
    unsigned at = (queue->first + queue->count++) % queue->places;
    if (queue->item_size > 0)
      memcpy(queue->items + at * queue->item_size, item, queue->item_size);
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  return room;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait) {
  bool some = wait_for_count(queue, 1, queue->places, wait);
  if (some) {
    if (queue->item_size > 0)
      memcpy(item, queue->items + queue->first * queue->item_size, queue->item_size);
    queue->first = (queue->first + 1) % queue->places;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  return some;
}

/* ---- Semaphores ---- */

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *memory) {
  open_queue(memory, 1, 0, NULL);
  return memory;
}

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *memory) {
  xSemaphoreGive(xSemaphoreCreateBinaryStatic(memory));
  return memory;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t wait) { return xQueueReceive(semaphore, NULL, wait); }
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) { return xQueueSend(semaphore, NULL, 0); }

void vSemaphoreDelete(SemaphoreHandle_t semaphore) {
  pthread_mutex_lock(&semaphore->lock); /* whoever gave it is out of it */
  pthread_mutex_unlock(&semaphore->lock);
  pthread_cond_destroy(&semaphore->changed);
  pthread_mutex_destroy(&semaphore->lock);
}

/* ---- Tasks ---- */

static _Thread_local TaskHandle_t current;

static void *start(void *task) {
  current = task;
  current->run(current->argument);
  return NULL;
}

TaskHandle_t xTaskCreateStaticPinnedToCore(void (*code)(void *), const char *name, uint32_t stack_size, void *argument,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *task,
                                           BaseType_t core) {
  (void)name, (void)stack_size, (void)priority, (void)stack, (void)core;
  task->run = code;
  task->argument = argument;
  xSemaphoreCreateBinaryStatic(&task->notified);
  if (pthread_create(&task->thread, NULL, start, task) != 0)
    abort();
  pthread_detach(task->thread);
  return task;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
  static _Thread_local StaticTask_t other; /* a thread that is no task of ours: it has a handle all the same */
  if (current == NULL) {
    xSemaphoreCreateBinaryStatic(&other.notified);
    current = &other;
  }
  return current;
}

void xTaskNotifyGive(TaskHandle_t task) { xSemaphoreGive(&task->notified); }

uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t wait) {
  (void)clear;
  return (uint32_t)xSemaphoreTake(&xTaskGetCurrentTaskHandle()->notified, wait);
}

void vTaskDelay(TickType_t ticks) {
  struct timespec end = after(ticks);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}
