/* freertos.c: tasks, queues, semaphores and timers, on pthreads. In an interrupt only what is made for it may be
 * called, and a task that waits in lwIP's thread would stop the network: both end the program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "esp_heap_caps.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "freertos/timers.h"
#include "stub.h"

enum { NS_PER_TICK = 1000000000 / configTICK_RATE_HZ };

static struct timespec after(TickType_t ticks) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  uint64_t ns = (uint64_t)at.tv_nsec + (uint64_t)ticks * NS_PER_TICK;
  at.tv_sec += (time_t)(ns / 1000000000u);
  at.tv_nsec = (long)(ns % 1000000000u);
  return at;
}

/* ---- Interrupts ---- */

static _Thread_local bool in_isr;

void stub_isr(bool on) { in_isr = on; }
BaseType_t xPortInIsrContext(void) { return in_isr; }

static void must(bool right, const char *what) {
  if (right)
    return;
  fprintf(stderr, "FreeRTOS: %s\n", what);
  abort();
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

static BaseType_t send_item(QueueHandle_t queue, const void *item, TickType_t wait) {
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

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t wait) {
  must(!in_isr, "xQueueSend in an interrupt");
  return send_item(queue, item, wait);
}

BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *switched) {
  must(in_isr, "xQueueSendFromISR outside an interrupt");
  *switched = pdTRUE;
  return send_item(queue, item, 0);
}

UBaseType_t uxQueueMessagesWaiting(QueueHandle_t queue) {
  pthread_mutex_lock(&queue->lock);
  unsigned count = queue->count;
  pthread_mutex_unlock(&queue->lock);
  return count;
}

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait) {
  must(!in_isr, "xQueueReceive in an interrupt");
  must(wait == 0 || !stub_in_lwip(), "lwIP's thread waits for a task");
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

BaseType_t xSemaphoreGiveFromISR(SemaphoreHandle_t semaphore, BaseType_t *switched) {
  return xQueueSendFromISR(semaphore, NULL, switched);
}

void vSemaphoreDelete(SemaphoreHandle_t semaphore) {
  pthread_mutex_lock(&semaphore->lock); /* whoever gave it is out of it */
  pthread_mutex_unlock(&semaphore->lock);
  pthread_cond_destroy(&semaphore->changed);
  pthread_mutex_destroy(&semaphore->lock);
}

/* ---- Tasks ---- */

static _Thread_local TaskHandle_t current;
static stub_task last; /* of those with a stack of their own, of which there is one */

const stub_task *stub_last_task(void) { return &last; }

static void *start(void *task) {
  current = task;
  current->run(current->argument);
  return NULL;
}

TaskHandle_t xTaskCreateStaticPinnedToCore(void (*code)(void *), const char *name, uint32_t stack_size, void *argument,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *task,
                                           BaseType_t core) {
  (void)name;
  if (stack != NULL)
    last = (stub_task){.stack_size = stack_size * (uint32_t)sizeof *stack,
                       .priority = priority,
                       .core = core == tskNO_AFFINITY ? -1 : core,
                       .stack_in_psram = (stub_heap_caps() & MALLOC_CAP_SPIRAM) != 0};
  task->run = code;
  task->argument = argument;
  task->stack = stack;
  pthread_t thread; /* not in the task's memory, which the task may have freed by then */
  if (pthread_create(&thread, NULL, start, task) != 0)
    abort();
  pthread_detach(thread);
  return task;
}

BaseType_t xTaskCreate(void (*code)(void *), const char *name, uint32_t stack_size, void *argument,
                       UBaseType_t priority, TaskHandle_t *task) {
  StaticTask_t *memory = calloc(1, sizeof *memory);
  if (memory == NULL)
    return pdFALSE;
  xTaskCreateStaticPinnedToCore(code, name, stack_size, argument, priority, NULL, memory, tskNO_AFFINITY);
  if (task != NULL)
    *task = memory;
  return pdPASS;
}

void vTaskDelete(TaskHandle_t task) {
  must(task == NULL && current != NULL, "vTaskDelete of another task");
  free(current);
  pthread_exit(NULL);
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
  static _Thread_local StaticTask_t other; /* a thread that is no task of ours: it has a handle all the same */
  if (current == NULL)
    current = &other;
  return current;
}

void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority) {
  (void)task;
  last.priority = priority;
}

void vTaskDelay(TickType_t ticks) {
  struct timespec end = after(ticks);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

/* ---- Timers ---- */

static void *run_timer(void *argument) {
  TimerHandle_t timer = argument;
  for (;;) {
    pthread_mutex_lock(&timer->lock);
    while (!timer->started)
      pthread_cond_wait(&timer->changed, &timer->lock);
    timer->started = false;
    pthread_mutex_unlock(&timer->lock);
    vTaskDelay(timer->period);
    timer->call(timer);
  }
  return NULL;
}

TimerHandle_t xTimerCreateStatic(const char *name, TickType_t period, BaseType_t reload, void *id,
                                 void (*call)(TimerHandle_t timer), StaticTimer_t *timer) {
  (void)name, (void)reload;
  *timer = (StaticTimer_t){.period = period, .id = id, .call = call};
  pthread_mutex_init(&timer->lock, NULL);
  pthread_cond_init(&timer->changed, NULL);
  pthread_t thread;
  if (pthread_create(&thread, NULL, run_timer, timer) != 0)
    abort();
  pthread_detach(thread);
  return timer;
}

void *pvTimerGetTimerID(TimerHandle_t timer) { return timer->id; }

static BaseType_t start_timer(TimerHandle_t timer) {
  pthread_mutex_lock(&timer->lock);
  timer->started = true;
  pthread_cond_signal(&timer->changed);
  pthread_mutex_unlock(&timer->lock);
  return pdPASS;
}

BaseType_t xTimerStart(TimerHandle_t timer, TickType_t wait) {
  (void)wait;
  must(!in_isr, "xTimerStart in an interrupt");
  return start_timer(timer);
}

BaseType_t xTimerStartFromISR(TimerHandle_t timer, BaseType_t *switched) {
  *switched = pdTRUE;
  return start_timer(timer);
}
