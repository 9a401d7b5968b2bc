/* event.c: the default event loop: a task with a queue of 32 places, as ESP-IDF's defaults make it, and handlers. */
#include <stdlib.h>
#include <string.h>

#include "esp_event.h"
#include "esp_netif.h"
#include "freertos/queue.h"
#include "freertos/task.h"
#include "stub.h"
#include "stub_event.h"

enum { QUEUE = 32, STACK = 4096, PRIORITY = 20 };

esp_event_base_t const IP_EVENT = "IP_EVENT";

static struct handler {
  esp_event_base_t base;
  int32_t event;
  esp_event_handler_t call;
  void *argument;
} handlers[8];

typedef struct posted {
  esp_event_base_t base;
  int32_t event;
  void *data; /* NULL: none */
} posted;

static QueueHandle_t queue;
static StaticQueue_t queue_memory;
static uint8_t queue_items[QUEUE * sizeof(posted)];

static void call_handlers(const posted *it) {
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
    if (handlers[i].call != NULL && handlers[i].base == it->base &&
        (handlers[i].event == ESP_EVENT_ANY_ID || handlers[i].event == it->event))
      handlers[i].call(handlers[i].argument, it->base, it->event, it->data);
}

static void run_loop(void *unused) {
  (void)unused;
  for (posted it;;) {
    xQueueReceive(queue, &it, portMAX_DELAY);
    call_handlers(&it);
    free(it.data);
  }
}

esp_err_t esp_event_loop_create_default(void) {
  if (queue != NULL)
    return ESP_ERR_INVALID_STATE;
  queue = xQueueCreateStatic(QUEUE, sizeof(posted), queue_items, &queue_memory);
  return xTaskCreate(run_loop, "sys_evt", STACK, NULL, PRIORITY, NULL) == pdPASS ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_event_handler_register(esp_event_base_t event_base, int32_t event_id, esp_event_handler_t event_handler,
                                     void *event_handler_arg) {
  if (queue == NULL)
    return ESP_ERR_INVALID_STATE;
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
    if (handlers[i].call != NULL)
      continue;
    handlers[i] = (struct handler){event_base, event_id, event_handler, event_handler_arg};
    return ESP_OK;
  }
  return ESP_ERR_NO_MEM;
}

esp_err_t esp_event_post(esp_event_base_t event_base, int32_t event_id, const void *event_data, size_t event_data_size,
                         TickType_t ticks_to_wait) {
  if (queue == NULL)
    return ESP_ERR_INVALID_STATE;
  posted it = {event_base, event_id, NULL};
  if (event_data_size > 0) {
    it.data = malloc(event_data_size); /* exactly as much: a handler that reads on is found */
    if (it.data == NULL)
      return ESP_ERR_NO_MEM;
    memcpy(it.data, event_data, event_data_size);
  }
  if (xQueueSend(queue, &it, ticks_to_wait) == pdTRUE)
    return ESP_OK;
  free(it.data);
  return ESP_ERR_TIMEOUT;
}

void stub_raise(esp_event_base_t base, int32_t event) { esp_event_post(base, event, NULL, 0, portMAX_DELAY); }
