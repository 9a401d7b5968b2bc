#pragma once
#include "freertos/FreeRTOS.h"
typedef struct StaticTask {
  void (*run)(void *);
  void *argument;
  StackType_t *stack;
} StaticTask_t, *TaskHandle_t;
#define tskNO_AFFINITY 0x7fffffff
TaskHandle_t xTaskCreateStaticPinnedToCore(void (*code)(void *), const char *name, uint32_t stack_size, void *argument,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *task,
                                           BaseType_t core);
/* The task's memory comes from the heap, and goes when the task deletes itself. */
BaseType_t xTaskCreate(void (*code)(void *), const char *name, uint32_t stack_size, void *argument,
                       UBaseType_t priority, TaskHandle_t *task);
void vTaskDelete(TaskHandle_t task);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
void vTaskPrioritySet(TaskHandle_t task, UBaseType_t priority);
void vTaskDelay(TickType_t ticks);
