#pragma once
#include "freertos/FreeRTOS.h"
QueueHandle_t xQueueCreateStatic(UBaseType_t places, UBaseType_t item_size, uint8_t *items, StaticQueue_t *queue);
BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t wait);
BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait);
BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *switched);
UBaseType_t uxQueueMessagesWaiting(QueueHandle_t queue);
